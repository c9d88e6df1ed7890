//! Where root file systems come from, and what bounds them.

use std::fs;
use std::io;
use std::path::Path;

use nix::mount::{MsFlags, mount};
use nix::sched::CloneFlags;
use rustix::fs::{CWD, statvfs};
use rustix::mount::{OpenTreeFlags, open_tree};

use super::attempt::{attempt, enter};
use super::{DEGRADED, MISSING, fails, works};
use crate::disk;
use crate::plan::{Ids, Storage};
use crate::ranges;
use crate::space::Space;
use crate::sys;
use crate::wire::Finding;

/// Inodes below which a host counts as nearly full.
const FEW_INODES: u64 = 100_000;

pub(super) fn findings(state: &Path, rootless: bool, storage: Storage) -> Vec<Finding> {
    let place = place(state);
    vec![overlay(place, rootless), idmapped(place, rootless), layers(place, rootless, storage), space(place)]
}

/// The nearest directory that exists: the state directory itself may be yet to be made.
pub(super) fn place(state: &Path) -> &Path {
    state.ancestors().find(|path| path.is_dir()).unwrap_or(Path::new("/"))
}

fn overlay(place: &Path, rootless: bool) -> Finding {
    let why = "A root file system is read-only layers, shared, and one writable layer.";
    match scratch(place).and_then(|dir| {
        let tried = attempt(|| try_overlay(&dir, rootless));
        fs::remove_dir_all(&dir)?;
        tried
    }) {
        Ok(()) => works("overlay", format!("on {} with userxattr and volatile", place.display()), why),
        Err(error) => fails(
            "overlay",
            MISSING,
            format!("on {}: {error}", place.display()),
            why,
            "Put the state directory on ext4, xfs or btrfs: `porthole serve --state DIR`.",
        ),
    }
}

fn try_overlay(dir: &Path, rootless: bool) -> io::Result<()> {
    enter(rootless, CloneFlags::CLONE_NEWNS)?;
    private()?;
    std::env::set_current_dir(dir)?;
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(name)?;
    }
    fs::write("lower/file", "below")?;
    let options = "lowerdir=lower,upperdir=upper,workdir=work,userxattr,volatile";
    mount(Some("overlay"), "merged", Some("overlay"), MsFlags::empty(), Some(options))?;
    fs::write("merged/file", "above")?;
    if fs::read_to_string("lower/file")? == "below" { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
}

fn idmapped(place: &Path, rootless: bool) -> Finding {
    let why = "One copy of a layer serves containers with different user ids.";
    if rootless {
        let found = "not without root; containers share one range of user ids";
        return fails("idmapped mounts", DEGRADED, found, why, "Run `porthole serve` as root.");
    }
    let tried = scratch(place).and_then(|dir| {
        let tried = attempt(|| try_idmap(&dir));
        fs::remove_dir_all(&dir)?;
        tried
    });
    match tried {
        Ok(()) => works("idmapped mounts", format!("on {}", place.display()), why),
        Err(error) => fails(
            "idmapped mounts",
            MISSING,
            format!("on {}: {error}", place.display()),
            why,
            "Put the state directory on ext4, xfs or btrfs: `porthole serve --state DIR`.",
        ),
    }
}

fn try_idmap(dir: &Path) -> io::Result<()> {
    let ids = Ids { base: ranges::FIRST_ID + ranges::RANGE, count: ranges::RANGE, store: ranges::FIRST_ID };
    let mapping = ranges::make_mapping(ids)?;
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(CWD, dir, flags)?;
    use std::os::fd::AsFd;
    sys::set_mount_attributes(tree.as_fd(), 0, Some(mapping.as_fd()))
}

fn layers(place: &Path, rootless: bool, storage: Storage) -> Finding {
    let why = "What a container writes is bounded in bytes and files, so that it cannot fill the disk.";
    let on = |what: &str| format!("{what} on {}", place.display());
    match storage {
        Storage::Quota => works("disk limits", on("project quota"), why),
        Storage::Image => works(
            "disk limits",
            on(
                "a file system of its own for each container, in a file; a project quota would cost less memory",
            ),
            why,
        ),
        Storage::None if rootless => fails("disk limits", DEGRADED, "not without root", why, BETTER),
        Storage::None => {
            let reason = disk::try_image(place).err().map(|error| error.to_string());
            fails("disk limits", MISSING, reason.unwrap_or_else(|| "none".to_owned()), why, BETTER)
        }
    }
}

/// What to do where writable layers are not limited, or at a price.
const BETTER: &str = "Run as root, with loop devices and e2fsprogs; or put the state directory on ext4 or XFS mounted with `prjquota`.";

fn space(place: &Path) -> Finding {
    let why = "Images and writable layers are kept in the state directory.";
    let fix = "Free some space, or put the state directory elsewhere: `porthole serve --state DIR`.";
    match statvfs(place) {
        Ok(stat) => {
            let space = Space::of(&stat);
            let found = format!(
                "{:.1} GiB and {} inodes free on {}",
                gib(space.free),
                stat.f_favail,
                place.display()
            );
            // Some file systems make inodes as they need them and count none.
            let few = stat.f_files > 0 && stat.f_favail < FEW_INODES;
            if space.free < space.reserve || few {
                fails("disk space", DEGRADED, found, why, fix)
            } else {
                works("disk space", found, why)
            }
        }
        Err(errno) => fails("disk space", DEGRADED, errno.to_string(), why, fix),
    }
}

#[allow(clippy::cast_precision_loss, reason = "shown with one decimal")]
fn gib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 30)
}

fn private() -> io::Result<()> {
    Ok(mount(None::<&str>, "/", None::<&str>, MsFlags::MS_REC | MsFlags::MS_PRIVATE, None::<&str>)?)
}

/// An empty directory for a trial.
fn scratch(place: &Path) -> io::Result<std::path::PathBuf> {
    let dir = place.join(format!(".porthole-trial-{}", std::process::id()));
    fs::create_dir(&dir)?;
    Ok(dir)
}

//! Writes files that come from a container into a directory on this machine.
//!
//! A stranger chose their names, links and modes. Every name is opened below the destination's descriptor without following
//! any link, and made anew, so that nothing outside can be written, whatever is in the archive or in the destination.
//! Devices are never made; set-id bits and owners are kept only when asked for.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, ResolveFlags, Timespec, Timestamps, Uid, chownat, fchmod, linkat,
    mkdirat, open, openat2, statat, symlinkat, unlinkat, utimensat,
};
use rustix::io::Errno;
use tar::{Entry, EntryType, Header};
use thiserror::Error;

use crate::cli::failure::reason;
use crate::cli::table::printable;

/// Permissions that any user may give a file of its own.
const PERMISSIONS: u32 = 0o777;

/// Permissions with set-id and sticky bits.
const ALL_BITS: u32 = 0o7777;

/// Why a file is not written.
#[derive(Debug, Error)]
pub(super) enum ExtractError {
    /// The archive names what is not in the destination.
    #[error("The archive holds '{0}', which is not below the destination.")]
    Outside(String),
    /// The archive ends or is broken.
    #[error("The archive cannot be read: {0}.")]
    Broken(String),
    /// Something else is there already.
    #[error("'{0}' is a directory and is not replaced by a file.")]
    IsDirectory(String),
    /// Something else is there already.
    #[error("'{0}' is no directory and is not replaced by one.")]
    NotDirectory(String),
    /// The system refuses.
    #[error("'{0}' cannot be written: {1}.")]
    Unwritten(String, String),
}

type Result<T> = std::result::Result<T, ExtractError>;

/// A directory that is written into.
pub(super) struct Destination {
    root: OwnedFd,
    owner: bool,
    /// Directories that were made, to be given their modes and times when nothing is written into them any more.
    made: Vec<(PathBuf, About)>,
    left_out: u64,
}

/// What a member says of itself.
#[derive(Clone, Copy)]
struct About {
    mode: u32,
    owner: (u32, u32),
    seconds: i64,
}

impl Destination {
    /// Opens an existing directory; links on the way to it are the user's own and are followed.
    ///
    /// # Errors
    /// What the system says.
    pub(super) fn open(path: &Path, owner: bool) -> io::Result<Self> {
        let root = open(path, OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { root, owner, made: Vec::new(), left_out: 0 })
    }

    /// Writes a member. When the first component of the names in the archive is what is copied, `has_member`, it is replaced
    /// by `name`, or taken off when there is none; else `name` comes before it.
    ///
    /// # Errors
    /// [`ExtractError`]; a part of the file may be left.
    pub(super) fn add<R: Read>(
        &mut self,
        mut entry: Entry<'_, R>,
        has_member: bool,
        name: Option<&OsStr>,
    ) -> Result<()> {
        let placed = |path: &[u8]| placed(path, has_member, name);
        let path = placed(&entry.path_bytes())?;
        // The directory whose contents are copied: the destination stands for it.
        let Some(file_name) = path.file_name() else { return Ok(()) };
        let parent = self.directory(path.parent().unwrap_or(Path::new("")))?;
        let about = about(entry.header())?;
        let target = entry.link_name_bytes().unwrap_or_default().into_owned();
        match entry.header().entry_type() {
            EntryType::Directory => return self.member_directory(&parent, &path, about),
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                clear(&parent, file_name, &path)?;
                let mut file = create(&parent, file_name, &path)?;
                io::copy(&mut entry, &mut file).map_err(|error| unwritten_file(&path, &error))?;
                self.describe(&parent, file_name, about, &path)?;
                let mode = Mode::from_raw_mode(about.mode & self.kept_bits());
                fchmod(&file, mode).map_err(|errno| unwritten(&path, errno))?;
            }
            EntryType::Symlink => {
                clear(&parent, file_name, &path)?;
                symlinkat(&*target, &parent, file_name).map_err(|errno| unwritten(&path, errno))?;
                self.describe(&parent, file_name, about, &path)?;
            }
            EntryType::Link => {
                let target = placed(&target)?;
                let target_name = target.file_name().ok_or_else(|| outside(&target))?;
                let from = self.directory(target.parent().unwrap_or(Path::new("")))?;
                if target != path {
                    clear(&parent, file_name, &path)?;
                    linkat(from, target_name, &parent, file_name, AtFlags::empty())
                        .map_err(|errno| unwritten(&path, errno))?;
                }
            }
            EntryType::XGlobalHeader => {}
            _ => self.left_out += 1,
        }
        Ok(())
    }

    /// Makes a directory, or takes the one that is there.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub(super) fn make_directory(&mut self, name: &OsStr) -> Result<()> {
        let path = PathBuf::from(name);
        let parent = self.directory(Path::new(""))?;
        make_directory(&parent, name, &path).map(drop)
    }

    /// Gives the directories that were made their modes and times; gives the number of members that were left out.
    ///
    /// # Errors
    /// [`ExtractError`].
    pub(super) fn finish(mut self) -> Result<u64> {
        // Innermost first: a mode may shut a directory to its owner.
        for (path, about) in std::mem::take(&mut self.made).into_iter().rev() {
            let parent = self.directory(path.parent().unwrap_or(Path::new("")))?;
            let Some(name) = path.file_name() else { continue };
            self.describe(&parent, name, about, &path)?;
            let directory = File::from(
                beneath(&parent, Path::new(name), OFlags::RDONLY).map_err(|errno| unwritten(&path, errno))?,
            );
            let mode = Mode::from_raw_mode(about.mode & self.kept_bits());
            fchmod(&directory, mode).map_err(|errno| unwritten(&path, errno))?;
        }
        Ok(self.left_out)
    }

    fn member_directory(&mut self, parent: &OwnedFd, path: &Path, about: About) -> Result<()> {
        let name = path.file_name().expect("the caller has asked for it");
        if make_directory(parent, name, path)? {
            self.made.push((path.to_owned(), about));
        }
        Ok(())
    }

    /// Opens a directory below the destination, through no link.
    fn directory(&self, path: &Path) -> Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        beneath(&self.root, path, OFlags::PATH).map_err(|errno| match errno {
            Errno::LOOP | Errno::NOTDIR => ExtractError::NotDirectory(shown(path)),
            errno => unwritten(path, errno),
        })
    }

    /// Sets owner and time of what was just made. Only a privileged user can give files away; `cp -a` does not mind either.
    fn describe(&self, parent: &OwnedFd, name: &OsStr, about: About, path: &Path) -> Result<()> {
        if self.owner {
            let (uid, gid) = (Uid::from_raw(about.owner.0), Gid::from_raw(about.owner.1));
            match chownat(parent, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW) {
                Ok(()) | Err(Errno::PERM) => {}
                Err(errno) => return Err(unwritten(path, errno)),
            }
        }
        let time = Timespec { tv_sec: about.seconds, tv_nsec: 0 };
        let times = Timestamps { last_access: time, last_modification: time };
        utimensat(parent, name, &times, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| unwritten(path, errno))
    }

    fn kept_bits(&self) -> u32 {
        if self.owner { ALL_BITS } else { PERMISSIONS }
    }
}

/// Where a name of the archive lies below the destination.
fn placed(path: &[u8], has_member: bool, name: Option<&OsStr>) -> Result<PathBuf> {
    let path = Path::new(OsStr::from_bytes(path));
    let mut parts: Vec<OsString> = Vec::new();
    for component in path.components() {
        match component {
            Component::Normal(part) => parts.push(part.to_owned()),
            Component::CurDir => {}
            Component::RootDir | Component::ParentDir | Component::Prefix(_) => return Err(outside(path)),
        }
    }
    let rest = parts.into_iter().skip(usize::from(has_member));
    Ok(name.map(OsStr::to_owned).into_iter().chain(rest).collect())
}

fn about(header: &Header) -> Result<About> {
    let broken = |error: io::Error| ExtractError::Broken(error.to_string());
    let id = |id: io::Result<u64>| {
        u32::try_from(id.map_err(broken)?)
            .map_err(|_| ExtractError::Broken("an owner is out of range".into()))
    };
    Ok(About {
        mode: header.mode().map_err(broken)?,
        owner: (id(header.uid())?, id(header.gid())?),
        seconds: i64::try_from(header.mtime().map_err(broken)?).unwrap_or(i64::MAX),
    })
}

fn beneath(root: impl AsFd, path: &Path, access: OFlags) -> rustix::io::Result<OwnedFd> {
    openat2(
        root,
        path,
        access | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
}

/// Whether there was none yet.
fn make_directory(parent: &OwnedFd, name: &OsStr, path: &Path) -> Result<bool> {
    match mkdirat(parent, name, Mode::RWXU) {
        Ok(()) => Ok(true),
        Err(Errno::EXIST) => {
            let there =
                statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(|errno| unwritten(path, errno))?;
            match FileType::from_raw_mode(there.st_mode) {
                FileType::Directory => Ok(false),
                _ => Err(ExtractError::NotDirectory(shown(path))),
            }
        }
        Err(errno) => Err(unwritten(path, errno)),
    }
}

/// Makes room for a file: what has the name goes, but not a directory.
fn clear(parent: &OwnedFd, name: &OsStr, path: &Path) -> Result<()> {
    match unlinkat(parent, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(Errno::ISDIR) => Err(ExtractError::IsDirectory(shown(path))),
        Err(errno) => Err(unwritten(path, errno)),
    }
}

fn create(parent: &OwnedFd, name: &OsStr, path: &Path) -> Result<File> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let made = rustix::fs::openat(parent, name, flags, Mode::RUSR | Mode::WUSR);
    made.map(File::from).map_err(|errno| unwritten(path, errno))
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

fn outside(path: &Path) -> ExtractError {
    ExtractError::Outside(shown(path))
}

fn unwritten(path: &Path, errno: Errno) -> ExtractError {
    unwritten_file(path, &errno.into())
}

fn unwritten_file(path: &Path, error: &io::Error) -> ExtractError {
    ExtractError::Unwritten(shown(path), reason(error))
}

#[cfg(test)]
mod tests;

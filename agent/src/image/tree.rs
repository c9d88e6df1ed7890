//! The directory tree of one layer while it is written: every step is one component relative to a directory's
//! descriptor, so that no link is ever followed and nothing outside can be named.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    AtFlags, Dir, FileType, Mode, OFlags, ResolveFlags, XattrFlags, fchmod, fsetxattr, mkdirat, mknodat,
    openat2, statat, unlinkat,
};
use rustix::io::Errno;

use super::path::shown;

/// What stood at a name before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Directory,
    /// A whiteout of this very layer.
    Whiteout,
    /// A regular file, a link or a fifo.
    Other,
}

/// The tree below `root`, and the way to the directory that was used last.
pub(super) struct Tree<'a> {
    root: BorrowedFd<'a>,
    /// Names and descriptors from below the root on. Archives are mostly in order, so it is mostly the right way.
    way: Vec<(Vec<u8>, OwnedFd)>,
    /// Directories made because something in them came first.
    implied: u64,
}

/// Of directories that an archive only implies, as Docker makes them.
const IMPLIED_MODE: Mode = Mode::from_raw_mode(0o755);

type Result<T> = std::result::Result<T, String>;

impl<'a> Tree<'a> {
    pub(super) fn new(root: BorrowedFd<'a>) -> Self {
        Self { root, way: Vec::new(), implied: 0 }
    }

    /// Directories that were made because something in them came first.
    pub(super) fn implied(&self) -> u64 {
        self.implied
    }

    /// Opens a directory, making it and those above it when they are missing.
    ///
    /// # Errors
    /// A sentence, when something else than a directory is in the way.
    pub(super) fn directory(&mut self, path: &[&[u8]]) -> Result<BorrowedFd<'_>> {
        for depth in self.common(path)..path.len() {
            let next = match open_directory(self.top(), path[depth]) {
                Ok(next) => next,
                Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => self.imply(&path[..=depth])?,
                Err(errno) => return Err(failed("opening", path[depth], errno)),
            };
            self.way.push((path[depth].to_vec(), next));
        }
        Ok(self.top())
    }

    /// Opens a directory that must exist.
    ///
    /// # Errors
    /// A sentence, when there is none.
    pub(super) fn existing_directory(&mut self, path: &[&[u8]]) -> Result<BorrowedFd<'_>> {
        let common = self.common(path);
        for part in &path[common..] {
            let next = open_directory(self.top(), part).map_err(|errno| failed("opening", part, errno))?;
            self.way.push((part.to_vec(), next));
        }
        Ok(self.top())
    }

    /// Makes a new name, which is no directory; whatever stands there already goes, with all below it. `make` fails with
    /// `EEXIST` then, and is called again.
    pub(super) fn make<T>(
        &mut self,
        parent: &[&[u8]],
        name: &[u8],
        make: impl Fn(BorrowedFd<'_>) -> rustix::io::Result<T>,
    ) -> Result<T> {
        let made = match make(self.directory(parent)?) {
            Err(Errno::EXIST) => {
                self.clear(parent, name)?;
                make(self.directory(parent)?)
            }
            made => made,
        };
        made.map_err(|errno| failed("making", name, errno))
    }

    /// Opens a directory for its own member. What else stands at its name goes; where a whiteout stood, the directory
    /// hides the one of the layers below, as the whiteout did.
    pub(super) fn member_directory(&mut self, parent: &[&[u8]], name: &[u8]) -> Result<BorrowedFd<'_>> {
        let dir = self.directory(parent)?;
        let directory = match make_directory(dir, name) {
            Err(Errno::EXIST) => match find(dir, name)? {
                Found::Nothing | Found::Directory => open_directory(dir, name),
                found => {
                    unlinkat(dir, name, AtFlags::empty())
                        .map_err(|errno| failed("replacing", name, errno))?;
                    let made = make_directory(dir, name);
                    if let (Found::Whiteout, Ok(made)) = (found, &made) {
                        set_opaque(made.as_fd())?;
                    }
                    made
                }
            },
            made => made,
        };
        let directory = directory.map_err(|errno| failed("making", name, errno))?;
        // Its members mostly come next.
        self.way.push((name.to_vec(), directory));
        Ok(self.top())
    }

    /// Hides a name of the layers below: a device 0:0, or the directory of this layer by that name made opaque. Source:
    /// `Documentation/filesystems/overlayfs.rst`, "whiteouts and opaque directories".
    pub(super) fn whiteout(&mut self, parent: &[&[u8]], name: &[u8]) -> Result<()> {
        let dir = self.directory(parent)?;
        match find(dir, name)? {
            Found::Whiteout | Found::Other => Ok(()),
            Found::Directory => {
                let hiding = open_directory(dir, name).map_err(|errno| failed("opening", name, errno))?;
                set_opaque(hiding.as_fd())
            }
            Found::Nothing => mknodat(dir, name, FileType::CharacterDevice, Mode::empty(), 0)
                .map_err(|errno| failed("making the whiteout", name, errno)),
        }
    }

    /// Takes away what stands at a name, with all below it.
    fn clear(&mut self, parent: &[&[u8]], name: &[u8]) -> Result<()> {
        let dir = self.directory(parent)?;
        match find(dir, name)? {
            Found::Nothing => Ok(()),
            Found::Directory => {
                remove_directory(dir, name).map_err(|errno| failed("replacing", name, errno))?;
                self.way.truncate(parent.len());
                Ok(())
            }
            Found::Whiteout | Found::Other => {
                unlinkat(dir, name, AtFlags::empty()).map_err(|errno| failed("replacing", name, errno))
            }
        }
    }

    /// Goes back along the way to where the path leaves it; answers how deep that is.
    fn common(&mut self, path: &[&[u8]]) -> usize {
        let common = self.way.iter().zip(path).take_while(|((name, _), part)| name == *part).count();
        self.way.truncate(common);
        common
    }

    /// The directory at the end of the way.
    fn top(&self) -> BorrowedFd<'_> {
        self.way.last().map_or(self.root, |(_, fd)| fd.as_fd())
    }

    /// Makes the last directory of a path whose other ones are the way; only a whiteout may be there instead.
    fn imply(&mut self, path: &[&[u8]]) -> Result<OwnedFd> {
        let (name, above) = path.split_last().expect("the root exists");
        debug_assert_eq!(self.way.len(), above.len());
        let found = find(self.top(), name)?;
        match found {
            Found::Nothing => {}
            Found::Whiteout => unlinkat(self.top(), *name, AtFlags::empty())
                .map_err(|errno| failed("replacing the whiteout", name, errno))?,
            Found::Directory | Found::Other => {
                return Err(format!(
                    "a member lies below {}, which is no directory",
                    shown(&path.join(&b'/'))
                ));
            }
        }
        self.implied += 1;
        let made =
            make_directory(self.top(), name).and_then(|made| fchmod(&made, IMPLIED_MODE).map(|()| made));
        let made = made.map_err(|errno| failed("making", name, errno))?;
        if found == Found::Whiteout {
            set_opaque(made.as_fd())?;
        }
        Ok(made)
    }
}

/// Makes everything of the layers below invisible in this directory. `userxattr` mounts read it in the user namespace.
pub(super) fn set_opaque(directory: BorrowedFd<'_>) -> Result<()> {
    fsetxattr(directory, "user.overlay.opaque", b"y", XattrFlags::empty())
        .map_err(|errno| format!("marking a directory opaque failed: {errno}"))
}

/// What stands at a name; links are not followed.
pub(super) fn find(dir: BorrowedFd<'_>, name: &[u8]) -> Result<Found> {
    match statat(dir, name, AtFlags::SYMLINK_NOFOLLOW) {
        Err(Errno::NOENT) => Ok(Found::Nothing),
        Err(errno) => Err(failed("looking at", name, errno)),
        Ok(stat) => Ok(match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => Found::Directory,
            // Other devices are never made.
            FileType::CharacterDevice => Found::Whiteout,
            _ => Found::Other,
        }),
    }
}

/// A failed step, for people.
pub(super) fn failed(doing: &str, name: &[u8], errno: Errno) -> String {
    format!("{doing} {} failed: {errno}", shown(name))
}

/// Makes a directory whose mode has still to be set: the umask has its say here.
fn make_directory(dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    mkdirat(dir, name, IMPLIED_MODE)?;
    open_directory(dir, name)
}

fn open_directory(dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<OwnedFd> {
    openat2(
        dir,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::BENEATH
            | ResolveFlags::NO_SYMLINKS
            | ResolveFlags::NO_MAGICLINKS
            | ResolveFlags::NO_XDEV,
    )
}

/// Removes a directory and all below it. Members are at most `MAX_PATH_DEPTH` deep, so the recursion is bounded.
fn remove_directory(dir: BorrowedFd<'_>, name: &[u8]) -> rustix::io::Result<()> {
    let doomed = open_directory(dir, name)?;
    for entry in Dir::read_from(&doomed)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if matches!(name, b"." | b"..") {
            continue;
        }
        match unlinkat(&doomed, name, AtFlags::empty()) {
            Err(Errno::ISDIR) => remove_directory(doomed.as_fd(), name)?,
            done => done?,
        }
    }
    unlinkat(dir, name, AtFlags::REMOVEDIR)
}

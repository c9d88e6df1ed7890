//! Makes an archive of files on this machine.

use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use tar::{Builder, EntryType, Header, HeaderMode};
use thiserror::Error;

use crate::cli::failure::{reason, warn};

/// Why there is no whole archive.
#[derive(Debug, Error)]
pub(super) enum PackError {
    /// A file cannot be read; a sentence.
    #[error("{0}")]
    Unread(String),
    /// Nobody takes the archive.
    #[error("nobody takes the archive")]
    Unsent,
}

/// Writes the archive of a file, or of a directory with all below it, to `out`. It is called `name` there; without a name,
/// only what is in the directory is written. Symbolic links are written as such, but for the source itself when it is to be
/// followed. Sockets, pipes and devices are left out, and told. Everything belongs to root unless owners are kept.
///
/// # Errors
/// [`PackError`]; what was written until then is no whole archive.
pub(super) fn pack(
    source: &Path,
    name: Option<&OsStr>,
    follow: bool,
    owner: bool,
    out: impl Write,
) -> Result<(), PackError> {
    let mut builder = Builder::new(out);
    let root = name.map_or_else(PathBuf::new, PathBuf::from);
    let mut waiting = vec![(source.to_owned(), root, follow)];
    // Directories come before what is in them: a stack of what is still to be written.
    while let Some((path, inner, follow)) = waiting.pop() {
        let about = if follow { fs::metadata(&path) } else { fs::symlink_metadata(&path) };
        let about = about.map_err(|error| unread(&path, &error))?;
        if about.is_dir() {
            let mut names = names(&path).map_err(|error| unread(&path, &error))?;
            names.sort_unstable_by(|one, other| other.cmp(one));
            waiting.extend(names.iter().map(|name| (path.join(name), inner.join(name), false)));
        }
        if !inner.as_os_str().is_empty() {
            add(&mut builder, &path, &inner, &about, owner)?;
        }
    }
    let mut out = builder.into_inner().map_err(|_| PackError::Unsent)?;
    out.flush().map_err(|_| PackError::Unsent)
}

fn names(directory: &Path) -> io::Result<Vec<std::ffi::OsString>> {
    fs::read_dir(directory)?.map(|entry| Ok(entry?.file_name())).collect()
}

fn add(
    builder: &mut Builder<impl Write>,
    path: &Path,
    inner: &Path,
    about: &Metadata,
    owner: bool,
) -> Result<(), PackError> {
    let mut header = Header::new_gnu();
    header.set_metadata_in_mode(about, HeaderMode::Complete);
    header.set_mode(about.mode() & 0o7777);
    if !owner {
        header.set_uid(0);
        header.set_gid(0);
    }
    let kind = about.file_type();
    if kind.is_file() {
        let mut file = File::open(path).map_err(|error| unread(path, &error))?;
        return whole(builder, &mut header, path, inner, &mut file);
    }
    header.set_size(0);
    let added = if kind.is_dir() {
        builder.append_data(&mut header, inner, io::empty())
    } else if kind.is_symlink() {
        let target = fs::read_link(path).map_err(|error| unread(path, &error))?;
        header.set_entry_type(EntryType::Symlink);
        builder.append_link(&mut header, inner, target)
    } else {
        warn(&format!("'{}' is no file, directory or link, and is left out.", path.display()), "");
        Ok(())
    };
    added.map_err(|error| unadded(path, &error))
}

/// Adds a file with as many bytes as its header says, whatever happens to it meanwhile: more would be taken for the next
/// member.
fn whole(
    builder: &mut Builder<impl Write>,
    header: &mut Header,
    path: &Path,
    inner: &Path,
    file: &mut File,
) -> Result<(), PackError> {
    let size = header.size().map_err(|error| unread(path, &error))?;
    let mut content = Counted { inner: file.take(size), error: None };
    builder.append_data(header, inner, &mut content).map_err(|error| match content.error.take() {
        Some(error) => unread(path, &error),
        None => unadded(path, &error),
    })?;
    match content.inner.limit() {
        0 => Ok(()),
        _ => Err(PackError::Unread(format!("'{}' became shorter while it was read.", path.display()))),
    }
}

/// A reader that remembers its error: the builder does not tell whether reading or writing failed.
struct Counted<R> {
    inner: R,
    error: Option<io::Error>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.inner.read(buffer).map_err(|error| {
            let kind = error.kind();
            self.error = Some(error);
            kind.into()
        })
    }
}

fn unread(path: &Path, error: &io::Error) -> PackError {
    PackError::Unread(format!("'{}' cannot be read: {}.", path.display(), reason(error)))
}

/// A broken pipe is the other side's; anything else is a name that no archive can hold.
fn unadded(path: &Path, error: &io::Error) -> PackError {
    match error.kind() {
        io::ErrorKind::BrokenPipe => PackError::Unsent,
        _ => PackError::Unread(format!("'{}' cannot be put into an archive: {error}.", path.display())),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::os::unix::net::UnixListener;

    use super::*;

    fn listed(archive: &[u8]) -> Vec<String> {
        let mut archive = tar::Archive::new(archive);
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let header = entry.header();
            let target = entry.link_name().unwrap().map(|target| format!(" -> {}", target.display()));
            let path = entry.path().unwrap().display().to_string();
            format!(
                "{path} {:o} {}:{}{}",
                header.mode().unwrap(),
                header.uid().unwrap(),
                header.size().unwrap(),
                target.unwrap_or_default()
            )
        });
        entries.collect()
    }

    fn packed(source: &Path, name: Option<&str>, follow: bool) -> Vec<String> {
        let mut out = Vec::new();
        pack(source, name.map(OsStr::new), follow, false, &mut out).unwrap();
        listed(&out)
    }

    #[test]
    fn a_tree_is_packed_by_the_name_it_is_to_have() {
        let dir = tempfile::tempdir().unwrap();
        let tree = dir.path().join("tree");
        let long = "n".repeat(200);
        fs::create_dir_all(tree.join("sub")).unwrap();
        fs::write(tree.join("sub/file"), "text").unwrap();
        fs::write(tree.join(&long), "").unwrap();
        fs::set_permissions(tree.join("sub/file"), fs::Permissions::from_mode(0o4751)).unwrap();
        fs::set_permissions(tree.join(&long), fs::Permissions::from_mode(0o600)).unwrap();
        fs::set_permissions(tree.join("sub"), fs::Permissions::from_mode(0o755)).unwrap();
        fs::set_permissions(&tree, fs::Permissions::from_mode(0o700)).unwrap();
        symlink("/etc/passwd", tree.join("link")).unwrap();
        let socket = UnixListener::bind(tree.join("socket")).unwrap();

        let inside = [
            "link 777 0:0 -> /etc/passwd".to_owned(),
            format!("{long} 600 0:0"),
            "sub 755 0:0".to_owned(),
            "sub/file 4751 0:4".to_owned(),
        ];
        assert_eq!(packed(&tree, None, false), inside, "contents only, and no socket");
        let named = packed(&tree, Some("new"), false);
        assert_eq!(named[0], "new 700 0:0");
        assert_eq!(named.len(), inside.len() + 1);
        drop(socket);

        symlink(&tree, dir.path().join("way")).unwrap();
        let way = dir.path().join("way");
        assert_eq!(packed(&way, Some("x"), true).len(), inside.len() + 1);
        assert_eq!(packed(&way, Some("x"), false), [format!("x 777 0:0 -> {}", tree.display())]);
    }

    #[test]
    fn who_reads_and_who_writes_is_told_apart() {
        struct Closed;
        impl Write for Closed {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let refused = pack(file.path(), Some(OsStr::new("x")), false, false, Closed);
        assert!(matches!(refused, Err(PackError::Unsent)), "{refused:?}");
        let refused = pack(Path::new("/proc/self/mem"), Some(OsStr::new("x")), false, false, io::sink());
        assert!(refused.is_ok(), "it says that it is empty: {refused:?}");
        let refused = pack(Path::new("/no/such"), Some(OsStr::new("x")), false, false, io::sink());
        assert!(matches!(refused, Err(PackError::Unread(_))), "{refused:?}");
    }
}

//! Packs a container's writable layer as an archive of a layer. Source: OCI image spec, `layer.md`, "Whiteouts".

use porthole_launcher::wire::FailureKind;
use std::io::Write;
use std::os::fd::AsFd;

use super::below::{Below, is_given};
use super::meta::join;
use super::packer::Packer;
use super::refusal::{Result, refusal};
use super::stack::Stack;
use super::walk::{Entry, Visitor, walk};
use crate::image::shown;

/// Names that begin so mean something about the layers below.
const WHITEOUT: &[u8] = b".wh.";

/// The name that hides all of a directory in the layers below.
const OPAQUE: &[u8] = b".wh..wh..opq";

/// Writes the stack's topmost layer to `out`. What hides nothing in the layers below, as an opaque mark of a directory that
/// is all new, is left out: the same files give the same archive, however they came to be.
///
/// # Errors
/// `TooLarge` beyond the limits of a layer; `BadRequest` for a file whose name an archive cannot hold.
pub(super) fn pack(stack: Stack<'_>, out: impl Write) -> Result<()> {
    let mut layer = Layer { stack, packer: Packer::new(out) };
    walk(stack.top()?.as_fd(), b"", Below::root(stack), &mut layer)?;
    layer.packer.finish()
}

struct Layer<'a, W: Write> {
    stack: Stack<'a>,
    packer: Packer<W>,
}

impl<W: Write> Visitor for Layer<'_, W> {
    type Above = Below;

    fn directory(&mut self, _path: &[u8], _names: &[Vec<u8>], _below: &Below) -> Result<()> {
        Ok(())
    }

    fn entry(&mut self, entry: &Entry<'_>, below: &Below) -> Result<Option<Below>> {
        if is_given(&entry.path, &entry.meta) {
            return Ok(None);
        }
        if entry.name.starts_with(WHITEOUT) {
            let sentence =
                format!("{} has a name that removes another file in an image.", shown(&entry.path));
            return Err(refusal(FailureKind::BadRequest, sentence));
        }
        let before = below.find(self.stack, &entry.path)?;
        if entry.meta.is_whiteout() {
            if before.is_some() && !below.hidden {
                let parent = &entry.path[..entry.path.len() - entry.name.len()];
                self.packer.mark(&[parent, WHITEOUT, entry.name].concat(), &entry.meta)?;
            }
            return Ok(None);
        }
        self.packer.add(entry, &entry.path)?;
        let inner = below.of(entry, before)?;
        if let Some(inner) = &inner
            && inner.hidden
            && !below.hidden
            && !inner.parts.is_empty()
        {
            self.packer.mark(&join(&entry.path, OPAQUE), &entry.meta)?;
        }
        Ok(inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::tests::layers::{Layers, is_root};
    use std::fs::{self, File};
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::process::Command;

    fn packed(layers: &Layers) -> Vec<u8> {
        let mut archive = Vec::new();
        pack(Stack(&layers.open()), &mut archive).unwrap();
        archive
    }

    /// What GNU tar lists.
    fn listed(archive: &[u8]) -> String {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a.tar"), archive).unwrap();
        let output = Command::new("tar").arg("-tf").arg(dir.path().join("a.tar")).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    #[test]
    fn only_what_hides_something_is_marked() {
        if !is_root("only_what_hides_something_is_marked") {
            return;
        }
        let layers = Layers::new(&[
            &[
                "o new",
                "f new/x 1",
                "o old",
                "f old/y 2",
                "w gone",
                "w never",
                "o old/inner",
                "w old/z",
                "f etc/hosts x",
            ],
            &["f old/z 1", "f old/inner/q 1", "f gone 1"],
        ]);
        let archive = packed(&layers);
        assert_eq!(
            listed(&archive),
            "etc/\n.wh.gone\nnew/\nnew/x\nold/\nold/.wh..wh..opq\nold/inner/\nold/y\n"
        );
        assert_eq!(packed(&layers), archive, "the same files give the same bytes");
    }

    #[test]
    fn a_packed_layer_unpacks_to_what_it_was() {
        if !is_root("a_packed_layer_unpacks_to_what_it_was") {
            return;
        }
        let long = format!("f {}/{} deep", "d".repeat(120), "n".repeat(200));
        let layers = Layers::new(&[
            &["f a text", "h z/b a", "l link ../\u{e4}", &long, "f set x", "w gone", "o hidden", "f latin x"],
            &["f gone x", "f hidden/x y"],
        ]);
        let top = layers.path(0);
        fs::set_permissions(top.join("set"), fs::Permissions::from_mode(0o6755)).unwrap();
        std::os::unix::fs::chown(top.join("a"), Some(1000), Some(65_535)).unwrap();
        fs::rename(top.join("latin"), top.join(std::ffi::OsStr::new(unsafe_name()))).unwrap();
        let big = File::create(top.join("big")).unwrap();
        big.set_len(300_001).unwrap();
        rustix::fs::fsetxattr(&big, "user.note", b"a\nb=c", rustix::fs::XattrFlags::empty()).unwrap();
        let archive = packed(&layers);
        let (mut tar, out) = (tempfile::tempfile().unwrap(), tempfile::tempdir().unwrap());
        tar.write_all(&archive).unwrap();
        std::io::Seek::rewind(&mut tar).unwrap();
        crate::image::unpack::apply(tar, File::open(out.path()).unwrap().as_fd()).unwrap();

        let at = |name: &str| fs::symlink_metadata(out.path().join(name)).unwrap();
        assert_eq!((at("a").ino(), at("a").uid(), at("a").gid()), (at("z/b").ino(), 1000, 65_535));
        assert_eq!(at("set").mode() & 0o7777, 0o6755);
        assert_eq!(fs::read_link(out.path().join("link")).unwrap().to_str(), Some("../\u{e4}"));
        assert!(at("gone").file_type().is_char_device());
        assert_eq!(at("big").len(), 300_001);
        let mut note = [0; 8];
        let length =
            rustix::fs::fgetxattr(File::open(out.path().join("big")).unwrap(), "user.note", &mut note[..]);
        assert_eq!(&note[..length.unwrap()], b"a\nb=c");
        assert_eq!(at("a").mtime(), 1_700_000_000);
        let times = |dir: &std::path::Path| fs::metadata(dir.join("big")).unwrap().modified().unwrap();
        assert_eq!(times(out.path()), times(&top), "to the nanosecond");
        assert!(out.path().join(std::ffi::OsStr::new(unsafe_name())).exists());
        // Unpacked on top of the same layers, nothing has changed.
        let again = [File::open(out.path()).unwrap().into(), layers.open().remove(1)];
        let mut repacked = Vec::new();
        pack(Stack(&again), &mut repacked).unwrap();
        assert_eq!(listed(&repacked), listed(&archive));
    }

    /// Latin-1, which is no UTF-8.
    fn unsafe_name() -> &'static std::ffi::OsStr {
        std::os::unix::ffi::OsStrExt::from_bytes(b"caf\xe9")
    }

    #[test]
    fn a_name_that_would_remove_a_file_is_refused() {
        let layers = Layers::new(&[&["f d/.wh.passwd x"]]);
        let refusal = pack(Stack(&layers.open()), std::io::sink()).unwrap_err();
        assert_eq!(refusal.kind, FailureKind::BadRequest, "{refusal:?}");
    }
}

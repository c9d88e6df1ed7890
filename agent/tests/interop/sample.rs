//! An image that describes itself: two layers, the upper one with all that a layer can say of the lower, and a
//! configuration of which every part is to be seen.

use serde_json::json;
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use crate::support::{add_file, busybox_root};

/// Its name.
pub(crate) const NAME: &str = "sample:1";

/// What it runs: who it is, where, and what is there.
const DESCRIBE: &[u8] = b"#!/bin/sh
echo \"I am $(id -u):$(id -g) in $(pwd) and say $GREETING by $VIA\"
ls -ln /data /data/dir
cat /data/link /data/changed
";

/// What it says of itself wherever it runs. Hard links have two names, and each layer has its way with the data: one file
/// is gone, one changed, one directory empty of what it held.
pub(crate) const DESCRIPTION: &str = "\
I am 1000:1000 in /data and say hello by entrypoint
/data:
total 16
-rw-r-----    1 1000     1000             6 Jan  1  1970 changed
drwxr-s---    2 1000     1000          4096 Jan  1  1970 dir
-rw-r--r--    2 0        0                5 Jan  1  1970 file
-rw-r--r--    2 0        0                5 Jan  1  1970 hard
lrwxrwxrwx    1 0        0                4 Jan  1  1970 link -> file

/data/dir:
total 4
-rwsr-xr-x    1 0        0                3 Jan  1  1970 new
file
upper
";

/// The archive, in the form of `docker save`.
pub(crate) fn archive() -> Vec<u8> {
    let layers = [lower(), upper()];
    let diff_ids = layers.each_ref().map(|layer| format!("sha256:{}", hex(layer)));
    let config = json!({
        "architecture": if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" },
        "os": "linux",
        "created": "2026-01-02T03:04:05Z",
        "config": {
            "User": "guest",
            "Env": ["PATH=/bin", "GREETING=hello"],
            "Entrypoint": ["env", "VIA=entrypoint"],
            "Cmd": ["describe"],
            "WorkingDir": "/data",
            "Labels": { "kind": "sample" },
            "ExposedPorts": { "80/tcp": {} },
            "StopSignal": "SIGINT",
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": [{ "created_by": "lower" }, { "created_by": "upper" }],
    });
    let manifest = json!([{ "Config": "config.json", "RepoTags": [NAME], "Layers": ["0.tar", "1.tar"] }]);
    let mut archive = Builder::new(Vec::new());
    add_file(&mut archive, "config.json", 0o644, config.to_string().as_bytes());
    for (number, layer) in layers.iter().enumerate() {
        add_file(&mut archive, &format!("{number}.tar"), 0o644, layer);
    }
    add_file(&mut archive, "manifest.json", 0o644, manifest.to_string().as_bytes());
    archive.into_inner().unwrap()
}

fn lower() -> Vec<u8> {
    let mut layer = Builder::new(Vec::new());
    add(&mut layer, EntryType::Directory, "data", 0o755, 0, b"");
    add(&mut layer, EntryType::Regular, "data/changed", 0o644, 0, b"lower\n");
    add(&mut layer, EntryType::Regular, "data/file", 0o644, 0, b"file\n");
    add(&mut layer, EntryType::Regular, "data/gone", 0o644, 0, b"gone\n");
    add(&mut layer, EntryType::Directory, "data/dir", 0o755, 0, b"");
    add(&mut layer, EntryType::Regular, "data/dir/old", 0o644, 0, b"old");
    add_link(&mut layer, EntryType::Link, "data/hard", "data/file");
    add_link(&mut layer, EntryType::Symlink, "data/link", "file");
    // The root file system first; an archive ends with zeroes, which the next one must not follow.
    let mut whole = busybox_root();
    whole.truncate(whole.len() - 1024);
    whole.extend(layer.into_inner().unwrap());
    whole
}

fn upper() -> Vec<u8> {
    let mut layer = Builder::new(Vec::new());
    add(&mut layer, EntryType::Directory, "bin", 0o755, 0, b"");
    add(&mut layer, EntryType::Regular, "bin/describe", 0o755, 0, DESCRIBE);
    add(&mut layer, EntryType::Directory, "data", 0o755, 0, b"");
    add(&mut layer, EntryType::Regular, "data/.wh.gone", 0o644, 0, b"");
    add(&mut layer, EntryType::Regular, "data/changed", 0o640, 1000, b"upper\n");
    add(&mut layer, EntryType::Directory, "data/dir", 0o2750, 1000, b"");
    add(&mut layer, EntryType::Regular, "data/dir/.wh..wh..opq", 0o644, 0, b"");
    add(&mut layer, EntryType::Regular, "data/dir/new", 0o4755, 0, b"new");
    layer.into_inner().unwrap()
}

fn add(layer: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, mode: u32, owner: u64, content: &[u8]) {
    let mut header = header(kind, mode, owner);
    header.set_size(content.len() as u64);
    layer.append_data(&mut header, path, content).unwrap();
}

fn add_link(layer: &mut Builder<Vec<u8>>, kind: EntryType, path: &str, target: &str) {
    let mode = if kind == EntryType::Symlink { 0o777 } else { 0o644 };
    layer.append_link(&mut header(kind, mode, 0), path, target).unwrap();
}

fn header(kind: EntryType, mode: u32, owner: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_mode(mode);
    header.set_uid(owner);
    header.set_gid(owner);
    header.set_mtime(0);
    header.set_size(0);
    header
}

fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

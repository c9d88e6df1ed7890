//! A bundle for an OCI runtime, with the namespaces, id range and limits that our own containers have
//! (OCI runtime specification, config.json and config-linux).

use std::fs;
use std::process::Command;

use anyhow::{Result, bail};
use nix::unistd::geteuid;
use serde_json::{Value, json};

use super::Start;
use crate::start::rootfs::{FIRST_ID, RootFs};

/// What a container of ours gets when nothing else is asked for.
const MEMORY_BYTES: u64 = 512 << 20;
const PIDS: u32 = 512;

/// Which user namespace the container gets.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ids {
    /// The host's own: its root is root outside as well. The default of every OCI runtime.
    Host,
    /// A range of its own, as our containers have.
    Own,
}

/// Writes the bundle: the runtime's own default, changed where ours differs.
pub(super) fn start(runtime: &str, ids: Ids, rootfs: &RootFs) -> Result<Start> {
    if !geteuid().is_root() {
        bail!("needs root");
    }
    let name = format!("porthole-bench-{}-{runtime}-{}", std::process::id(), ids as u8);
    let bundle = rootfs.beside(&name);
    fs::create_dir_all(&bundle)?;
    let spec = match Command::new(runtime).arg("spec").current_dir(&bundle).output() {
        Ok(spec) => spec,
        Err(error) => bail!("not installed: {error}"),
    };
    if !spec.status.success() {
        bail!("{}", String::from_utf8_lossy(&spec.stderr).trim());
    }
    let path = bundle.join("config.json");
    let mut config: Value = serde_json::from_slice(&fs::read(&path)?)?;
    change(&mut config, ids, rootfs, &name);
    fs::write(&path, serde_json::to_vec_pretty(&config)?)?;
    let state = rootfs.beside("state");
    let words = ["run".as_ref(), "--bundle".as_ref(), bundle.as_path(), name.as_ref()];
    Start::named(runtime, &[&["--root".as_ref(), state.as_path()], &words[..]].concat())
}

fn change(config: &mut Value, ids: Ids, rootfs: &RootFs, name: &str) {
    config["root"] = json!({ "path": rootfs.path(), "readonly": false });
    config["process"]["terminal"] = json!(true);
    config["process"]["args"] = json!(["sh"]);
    config["linux"]["cgroupsPath"] = json!(format!("/{name}"));
    config["linux"]["resources"] = json!({ "memory": { "limit": MEMORY_BYTES }, "pids": { "limit": PIDS } });
    let mut kinds = vec!["mount", "pid", "network", "ipc", "uts", "cgroup"];
    if ids == Ids::Own {
        kinds.push("user");
        let map = json!([{ "containerID": 0, "hostID": FIRST_ID, "size": 65_536 }]);
        config["linux"]["uidMappings"] = map.clone();
        config["linux"]["gidMappings"] = map;
    }
    config["linux"]["namespaces"] = kinds.iter().map(|kind| json!({ "type": kind })).collect();
}

//! The host's side of the kernel view, read from this process's own `/proc`.

use std::fs;

use porthole_protocol::kernel::{IdMap, NamespaceId, Side};
use porthole_protocol::spec::Namespace;

use super::status::Status;
use super::{maps, mounts};

/// What a process of the host sees. The agent stays in the host's namespaces; the launcher has mounts of its own.
pub(super) async fn read() -> Side {
    // A few small files of procfs, but files all the same.
    let side = tokio::task::spawn_blocking(|| {
        let uname = rustix::system::uname();
        // The agent has dropped what the host's own processes have; process 1 shows it.
        let status = Status::parse(&text("/proc/1/status"));
        Side {
            sysname: uname.sysname().to_string_lossy().into_owned(),
            release: uname.release().to_string_lossy().into_owned(),
            version: uname.version().to_string_lossy().into_owned(),
            machine: uname.machine().to_string_lossy().into_owned(),
            hostname: uname.nodename().to_string_lossy().into_owned(),
            namespaces: Namespace::ALL.map(namespace).to_vec(),
            uid_map: maps::parse(&text("/proc/self/uid_map")),
            gid_map: maps::parse(&text("/proc/self/gid_map")),
            mount_count: mounts::count(&text("/proc/self/mountinfo")),
            process_count: process_count(),
            ..status.privileges()
        }
    });
    side.await.unwrap_or_default()
}

/// The maps of users and groups of a process, as they are from here: the kernel tells them relative to the user namespace of who
/// opens the file (`user_namespaces(7)`), and an ordinary user's launcher has one of its own. Empty when the process is gone.
pub(super) async fn maps_of(pid: u32) -> [Vec<IdMap>; 2] {
    let read = move || ["uid_map", "gid_map"].map(|file| maps::parse(&text(&format!("/proc/{pid}/{file}"))));
    tokio::task::spawn_blocking(read).await.unwrap_or_default()
}

/// One namespace of this process: `mnt:[4026531841]` is what its link says (`namespaces(7)`).
fn namespace(kind: Namespace) -> NamespaceId {
    let link = fs::read_link(format!("/proc/self/ns/{}", kind.proc_name())).unwrap_or_default();
    let number = |text: &str| text.split_once('[')?.1.strip_suffix(']')?.parse().ok();
    NamespaceId { kind, id: link.to_str().and_then(number).unwrap_or(0) }
}

fn text(path: &str) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn process_count() -> u32 {
    let Ok(entries) = fs::read_dir("/proc") else { return 0 };
    let is_process = |name: &[u8]| name.iter().all(u8::is_ascii_digit);
    let count = entries.flatten().filter(|entry| is_process(entry.file_name().as_encoded_bytes())).count();
    u32::try_from(count).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    #[tokio::test]
    async fn the_host_is_this_machine() {
        let side = super::read().await;
        let uname = rustix::system::uname();
        assert_eq!(side.release.as_bytes(), uname.release().to_bytes());
        assert!(side.namespaces.iter().all(|namespace| namespace.id > 0), "{:?}", side.namespaces);
        assert!(side.process_count > 0 && side.mount_count > 0 && !side.uid_map.is_empty());
    }
}

//! The launcher of an ordinary user: root of a user namespace of its own, with as many ids as this host gives.

use std::fs;
use std::io;
use std::process::{Command, Stdio};

use nix::sched::{CloneFlags, unshare};
use nix::unistd::{Gid, Uid, User, setresgid, setresuid};

/// What was had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entered {
    /// Ids mapped, from 0 on: 1 for the user alone, else 65,536.
    pub ids: u32,
}

/// Ids that an image may use.
const WANTED: u32 = 65_536;

/// Enters a user and a mount namespace as their root, see `user_namespaces(7)`. The user's own id becomes 0; the ids of
/// `/etc/subuid` and `/etc/subgid` follow where `newuidmap` and `newgidmap` map them.
///
/// Call it before any other thread exists.
///
/// # Errors
/// When the kernel or its administrator refuses user namespaces.
pub fn enter() -> io::Result<Entered> {
    let (uid, gid) = (Uid::effective(), Gid::effective());
    let helper = Helper::start(uid, gid)?;
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS).map_err(|errno| {
        io::Error::other(format!("user namespaces are refused here ({errno}); see `porthole doctor`"))
    })?;
    let mapped = helper.map_or(Ok(false), Helper::map)?;
    if !mapped {
        map_self(uid, gid)?;
    }
    let ids = if mapped { WANTED } else { 1 };
    setresgid(Gid::from_raw(0), Gid::from_raw(0), Gid::from_raw(0))?;
    setresuid(Uid::from_raw(0), Uid::from_raw(0), Uid::from_raw(0))?;
    Ok(Entered { ids })
}

/// The first subordinate ids of this user and group, where the helpers that map them are there as well.
pub(crate) fn available() -> Option<(u32, u32)> {
    let uid = Uid::effective();
    let user = User::from_uid(uid).ok().flatten().map(|user| user.name);
    let range = |file| subordinate(&fs::read_to_string(file).unwrap_or_default(), uid, user.as_deref());
    let there = |name| {
        ["/usr/bin", "/usr/local/bin", "/bin"]
            .iter()
            .any(|dir| fs::exists(format!("{dir}/{name}")).unwrap_or(false))
    };
    if !there("newuidmap") || !there("newgidmap") {
        return None;
    }
    Some((range("/etc/subuid")?, range("/etc/subgid")?))
}

/// Whether more ids than the user's own are mapped, or could be where no namespace has been entered yet.
pub(crate) fn has_range() -> bool {
    if !Uid::effective().is_root() {
        return available().is_some();
    }
    let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
    map.lines().count() > 1
}

/// The only map that needs no help: this user as root; groups must be given up for it.
pub(crate) fn map_self(uid: Uid, gid: Gid) -> io::Result<()> {
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {uid} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1"))
}

/// A shell that waits outside the new namespace for the word to call the two set-user-id helpers: they must not run inside
/// it, where they would be nobody's.
struct Helper {
    child: std::process::Child,
}

impl Helper {
    /// None where this user has no range of ids or the helpers are missing.
    fn start(uid: Uid, gid: Gid) -> io::Result<Option<Self>> {
        let Some((users, groups)) = available() else { return Ok(None) };
        let pid = std::process::id();
        let rest = WANTED - 1;
        let script = format!(
            "read go && newuidmap {pid} 0 {uid} 1 1 {users} {rest} && newgidmap {pid} 0 {gid} 1 1 {groups} {rest}"
        );
        let child = Command::new("/bin/sh")
            .args(["-c", &script])
            .env("PATH", "/usr/local/bin:/usr/bin:/bin")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()?;
        Ok(Some(Self { child }))
    }

    /// Has the ids mapped; false when the helpers are missing or refuse, in which case nothing is mapped.
    fn map(mut self) -> io::Result<bool> {
        use std::io::Write;
        self.child.stdin.take().expect("standard input is piped").write_all(b"go\n")?;
        let mapped = self.child.wait()?.success();
        // A user map without its group map would be worse than none.
        let half = !mapped && !fs::read_to_string("/proc/self/uid_map")?.trim().is_empty();
        if half {
            return Err(io::Error::other("newgidmap refuses the range of /etc/subgid"));
        }
        Ok(mapped)
    }
}

/// The first subordinate id of a user that has enough of them, see `subuid(5)`.
fn subordinate(file: &str, uid: Uid, name: Option<&str>) -> Option<u32> {
    file.lines().find_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let first: u32 = fields.next()?.trim().parse().ok()?;
        let count: u32 = fields.next()?.trim().parse().ok()?;
        let ours = Some(owner) == name || owner.parse() == Ok(uid.as_raw());
        (ours && count >= WANTED - 1 && first > 0).then_some(first)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_found_by_name_or_number_when_it_is_large_enough() {
        let uid = Uid::from_raw(1000);
        let file = "other:100000:65536\nme:165536:10\nme:200000:65536\n1000:300000:65536\n";
        assert_eq!(subordinate(file, uid, Some("me")), Some(200_000));
        assert_eq!(subordinate(file, uid, None), Some(300_000));
        assert_eq!(subordinate(file, Uid::from_raw(7), Some("nobody")), None);
        assert_eq!(subordinate("garbage\n::\nme:x:y\n", uid, Some("me")), None);
    }
}

//! A host of the test's own: network, mounts and processes that nobody else changes, so that they can be compared exactly.
//! An escape into it would still be one, and would harm nobody.

use std::process::Command;

const MARK: &str = "PORTHOLE_ESCAPES_APART";

/// Whether this is that host. Where it is not, the test of this name is run there, and must succeed.
pub fn is_apart(test: &str) -> bool {
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let status = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "--pid", "--fork", "--kill-child", "--mount-proc"])
        // A shell as process 1, which waits for whoever is left over.
        .args(["--net", "sh", "-c", "busybox ifconfig lo up && \"$0\" \"$@\"; exit $?"])
        .arg(std::env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env(MARK, "1")
        .status()
        .unwrap();
    assert!(status.success(), "it failed on a host of its own, see above");
    false
}

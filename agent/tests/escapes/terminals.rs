//! Terminals: input into somebody else's, devices in their place, all of them taken.

use std::fs::OpenOptions;

use porthole_protocol::spec::LaunchSpec;

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::Stage;
use crate::support::terminal;

pub fn cases() -> Vec<Case> {
    vec![
        Case::probe("CVE-2019-10063: input by TIOCSTI and TIOCLINUX, with high bits", "terminal-input")
            .succeeds_outside(),
        Case::course("terminals opened while /dev/pts, ptmx and console are changed", races),
        Case::course("all pseudo-terminals taken", taken),
    ]
}

/// Everything that a session passes on its way is removed, moved and linked elsewhere, as fast as a shell can.
const MEDDLE: &str = r#"
while :; do
    for name in ptmx console tty pts null; do
        rm -rf /dev/$name; mv /dev/$name /dev/x; ln -sf /proc/sys/kernel/core_pattern /dev/$name
        umount /dev/$name; mount --bind /etc /dev/$name; mkdir -p /dev/$name; ln -s /etc/passwd /dev/$name/0
    done
done 2>/dev/null
"#;

fn races(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let spec = stage.spec(&["sh", "-c", MEDDLE]);
        let meddler = stage.client.launch(spec).await.container;
        let check = "stat -Lc %t /proc/self/fd/0; readlink /proc/self/fd/0";
        let mut opened = 0;
        for _ in 0..40 {
            let Ok(session) = stage.client.try_exec(&meddler, terminal(&["sh", "-c", check])).await else {
                continue;
            };
            stage.client.exit(&session).await;
            let text = stage.client.text(session.channel()).replace('\r', "");
            let is_own = text.starts_with("88\n/dev/pts/") || text.starts_with("88\n/dev/console");
            // The name may be taken from it; what it is may not.
            if !is_own && !text.starts_with("88\n") {
                return Verdict::Escaped(format!("a session's terminal is {text:?}"));
            }
            opened += 1;
        }
        if opened <= 30 {
            // Whoever cannot be entered lets nobody out: but this case has shown little then.
            return Verdict::Unclear(format!("only {opened} of 40 opened"));
        }
        Verdict::Contained(format!("{opened} sessions, each on its own devpts"))
    })
}

fn taken(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let spec = LaunchSpec { ..stage.spec(&["probe", "attempt", "ptys"]) };
        let taker = stage.client.launch(spec).await;
        stage.client.expect(&taker, "taken").await;
        let host = OpenOptions::new().read(true).write(true).open("/dev/ptmx");
        let other = stage.spec(&[]);
        let mut other = LaunchSpec { process: terminal(&["sh", "-c", "tty"]), ..other };
        other.remove = true;
        let other = stage.run(other).await;
        stage.client.exit(&taker).await;
        let text = stage.client.text(taker.channel());
        let count: usize = text.split_whitespace().nth(1).and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
        let others_can = host.is_ok() && other.is_ok_and(|ended| ended.said.contains("/dev/pts/"));
        verdict(
            others_can && count <= 256,
            format!("{count} taken, the host and another container still open theirs"),
            format!("{count} taken, host: {host:?}"),
        )
    })
}

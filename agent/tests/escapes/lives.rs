//! Births and deaths: what does not want to end, and what the next one finds.

use std::time::{Duration, Instant};

use porthole_protocol::spec::{LaunchSpec, ProcessSpec};

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::Stage;

/// For a container to be gone that does everything not to be: its processes are killed at once.
const GONE_WITHIN: Duration = Duration::from_secs(20);

pub fn cases() -> Vec<Case> {
    vec![
        Case::course(
            "a container that will not end: TERM ignored, init stopped, a farm of zombies",
            stubborn,
        ),
        Case::course("setuid programs, with new privileges and without", privileges),
        Case::course("what one container leaves, found by the next", reuse),
    ]
}

const STUBBORN: &str = r#"
trap '' TERM INT HUP QUIT USR1 USR2
for signal in STOP TERM KILL TSTP INT; do kill -$signal 1 2>/dev/null; done
i=0; while [ $i -lt 40 ]; do
    i=$((i+1))
    (sh -c 'exit 0' & exec sleep 100000) &
    setsid sh -c 'trap "" TERM; kill -STOP $$; sleep 100000' &
done 2>/dev/null
echo ready
while :; do sleep 1; done
"#;

fn stubborn(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let spec = stage.spec(&["sh", "-c", STUBBORN]);
        let shell = stage.client.launch(spec).await;
        stage.client.expect(&shell, "ready").await;
        let answers = stage.exec(&shell.container, &["echo", "alive"]).await;
        if !answers.is_ok_and(|ended| ended.said.contains("alive")) {
            return Verdict::Escaped(
                "process 1 was stopped from inside: nothing can be started any more".into(),
            );
        }
        let begun = Instant::now();
        stage.remove(&shell.container).await;
        verdict(
            begun.elapsed() < GONE_WITHIN,
            "process 1 takes no signal from inside; all of it gone at once",
            format!("gone after {:?}", begun.elapsed()),
        )
    })
}

/// With them, a setuid program of an ordinary user inside has what the container's root has, and the filter; without them,
/// nothing. The same for a first process and a further one.
fn privileges(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let process = |program: &str, attempt: &str| ProcessSpec {
            command: [program, "attempt", attempt].map(str::to_owned).to_vec(),
            user: Some("1000".into()),
            ..ProcessSpec::default()
        };
        let expected =
            [(false, "none euid 1000 0000000000000000 1 2"), (true, "none euid 0 00000000800425fb 0 2")];
        for (new_privileges, expected) in expected {
            let spec = |process| LaunchSpec { new_privileges, process, ..stage.spec(&[]) };
            let (first, mut stays) = (spec(process("/bin/gain", "effective")), spec(ProcessSpec::default()));
            stays.process.command = ["sleep", "10000"].map(str::to_owned).to_vec();
            let first = stage.run(first).await;
            let id = stage.client.launch(stays).await.container;
            let further = stage.exec_as(&id, process("/bin/gain", "effective")).await;
            let plain = stage.exec_as(&id, process("/bin/probe", "effective")).await;
            for ended in [first, further] {
                match ended {
                    Ok(ended) if ended.said.trim() == expected => {}
                    other => return Verdict::Escaped(format!("{other:?} instead of {expected:?}")),
                }
            }
            if !plain.as_ref().is_ok_and(|ended| ended.said.starts_with("none euid 1000 0000000000000000")) {
                return Verdict::Escaped(format!("a program that is not setuid: {plain:?}"));
            }
            for attempt in ["calls", "namespaces", "mounts", "knobs", "keys", "other-tables"] {
                let ended = stage.exec_as(&id, process("/bin/gain", attempt)).await;
                match ended.map(|ended| ended.verdict()) {
                    Ok(Verdict::Contained(_)) => {}
                    Ok(Verdict::Unclear(why)) => return Verdict::Unclear(format!("{attempt}: {why}")),
                    other => return Verdict::Escaped(format!("{attempt}: {other:?}")),
                }
            }
        }
        Verdict::Contained(
            "without: nothing; with: the container's twelve capabilities and the same filter".into(),
        )
    })
}

fn reuse(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let leave = "echo old >/old; echo old >/dev/shm/old; echo old >/tmp/old; mkfifo /dev/mqueue/old 2>/dev/null; \
                     : >/dev/mqueue/queue; cut -c-30 /proc/self/uid_map | tr -s ' '";
        let find = "ls /old /dev/shm/old /tmp/old /dev/mqueue/* 2>/dev/null; cut -c-30 /proc/self/uid_map | tr -s ' '";
        let mut ids = Vec::new();
        for script in [leave, find, find] {
            let spec = stage.spec(&["sh", "-c", script]);
            let terminal = match stage.client.try_launch(spec).await {
                Ok((_, terminal)) => terminal,
                Err(error) => return Verdict::Unclear(error.message),
            };
            stage.client.exit(&terminal).await;
            let said = stage.client.text(terminal.channel()).trim().to_owned();
            if said.contains("old") || said.contains("queue") {
                return Verdict::Escaped(format!("the next one finds {said:?}"));
            }
            stage.remove(&terminal.container).await;
            ids.push(said);
        }
        let fresh = ids[0] != ids[1] && ids[1] != ids[2] && ids[0] != ids[2];
        verdict(fresh, "no file, no queue, other ids each time", format!("the ids were {ids:?}"))
    })
}

//! Births and deaths: what does not want to end, and what the next one finds.

use std::time::{Duration, Instant};

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

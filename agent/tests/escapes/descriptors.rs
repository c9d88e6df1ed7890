//! Ways out through what a process still holds while it enters a container.

use porthole_protocol::spec::ProcessSpec;

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::Stage;
use crate::support::terminal;

pub fn cases() -> Vec<Case> {
    vec![
        Case::course("CVE-2019-5736: overwrite the program that enters, through /proc/PID/exe", overwrite),
        Case::course("CVE-2019-5736: have the entering program execute itself, by #!/proc/self/exe", itself),
        Case::course("CVE-2024-21626: a working directory that is somebody's descriptor", directory),
        Case::course("descriptors left open by start, exec, attach and resize", descriptors),
        Case::course("watch /proc/PID/{exe,environ,mem,fd} of processes that enter", watch),
        Case::script("magic links /proc/PID/{root,cwd}", MAGIC_LINKS),
    ]
}

/// Every process's root is this one's.
const MAGIC_LINKS: &str = r#"
own=$(stat -c %d:%i /)
for link in /proc/[0-9]*/root /proc/[0-9]*/task/*/root /proc/thread-self/root; do
    [ "$(stat -Lc %d:%i $link 2>/dev/null || echo $own)" = "$own" ] || escaped "$link is another root"
    ls $link/../../../proc/self >/dev/null 2>&1
    [ "$(stat -Lc %d:%i $link/../../.. 2>/dev/null || echo $own)" = "$own" ] || escaped "above $link"
done
for link in /proc/[0-9]*/cwd; do
    up=$(stat -Lc %d:%i $link/../../../../../../../.. 2>/dev/null || echo $own)
    [ "$up" = "$own" ] || escaped "above $link"
done
contained "all of them lead to the container's own root"
"#;

/// Execs while a process inside opens every other's executable.
fn storm<'a>(stage: &'a mut Stage, attempt: &'a str, execs: usize) -> Play<'a> {
    Box::pin(async move {
        let spec = stage.spec(&["probe", "attempt", attempt]);
        let watcher = stage.client.launch(spec).await;
        for n in 0..execs {
            let process = if n % 2 == 0 { terminal(&["true"]) } else { run(&["true"]) };
            // Engines that take longer to enter are watched for as long.
            let Ok(started) = stage.client.try_exec(&watcher.container, process).await else { break };
            stage.client.exit(&started).await;
        }
        stage.client.exit(&watcher).await;
        Verdict::of(&stage.all_of(&watcher))
    })
}

fn overwrite(stage: &mut Stage) -> Play<'_> {
    storm(stage, "overwrite", 60)
}

fn watch(stage: &mut Stage) -> Play<'_> {
    storm(stage, "watch", 60)
}

/// The interpreter of a script is executed while `/proc/self/exe` is still the program that enters. What it then is
/// must not be one that can be changed: by root inside, whoever that is on the host.
fn itself(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let id = stage.stay().await;
        let mut said = Vec::new();
        let commands =
            [&["/evil"][..], &["/proc/self/exe"], &["/proc/self/exe", "--version"], &["/proc/1/exe"]];
        for command in commands.into_iter().cycle().take(12) {
            // Not to be executed at all is as good.
            let started = stage.client.try_exec(&id, run(command)).await.is_ok();
            let looked = stage.exec(&id, &["probe", "attempt", "change-programs"]).await;
            said.push(
                looked.map_or_else(
                    |error| error,
                    |ended| format!("{} (started: {started})", ended.said.trim()),
                ),
            );
        }
        let verdicts: Vec<_> = said.iter().map(|said| Verdict::of(said)).collect();
        match verdicts.into_iter().find(|verdict| !matches!(verdict, Verdict::Contained(_))) {
            Some(other) => other,
            None => Verdict::Contained(format!(
                "what ran cannot be changed: {}",
                said[0].trim_start_matches("contained ")
            )),
        }
    })
}

fn directory(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let id = stage.stay().await;
        let check = r#"[ "$(stat -c %d:%i $(readlink /proc/self/cwd)/../../../../../..)" = "$(stat -c %d:%i /)" ] &&
            [ "$(stat -c %d:%i ../../../../../../..)" = "$(stat -c %d:%i /)" ] && [ ! -e ../../../../proc/self/nowhere ] &&
            ls -di . >/dev/null && case $(readlink /proc/self/cwd) in /*) echo inside;; esac"#;
        let mut refused = 0;
        let paths = (3..40).map(|n| format!("/proc/self/fd/{n}"));
        let links =
            ["/proc/self/cwd", "/proc/1/cwd", "/proc/self/root", "/proc/1/root/..", "/proc/self/fd/../cwd"];
        for path in paths.chain(links.map(String::from)) {
            for first in [true, false] {
                let command: Vec<String> = ["sh", "-c", check].map(String::from).to_vec();
                let process = ProcessSpec { command, workdir: Some(path.clone()), ..ProcessSpec::default() };
                let ended = if first {
                    let spec = porthole_protocol::spec::LaunchSpec { process, ..stage.spec(&[]) };
                    stage.run(spec).await
                } else {
                    stage.exec_as(&id, process).await
                };
                match ended {
                    Err(_) => refused += 1,
                    Ok(ended) if ended.said.trim() == "inside" => {}
                    Ok(ended) => return Verdict::Escaped(format!("{path}: {ended:?}")),
                }
            }
        }
        verdict(
            refused > 70,
            format!("{refused} of 84 refused, none leads out"),
            format!("only {refused} refused"),
        )
    })
}

fn descriptors(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let mut spec = stage.spec(&[]);
        spec.process = terminal(&["sh"]);
        let shell = stage.client.launch(spec).await;
        stage.client.expect(&shell, "# ").await;
        stage.client.resize(&shell, 50, 100).await;
        let again = stage.client.try_attach(&shell.container, 0, None).await;
        let pipes = stage.client.exec(&shell.container, ProcessSpec { stdin: true, ..run(&["cat"]) }).await;
        let second = stage.client.exec(&shell.container, terminal(&["sleep", "1000"])).await;
        let looked = stage.exec(&shell.container, &["probe", "attempt", "descriptors"]).await;
        drop((again, pipes, second));
        looked.map_or_else(Verdict::Unclear, |ended| Verdict::of(&ended.said))
    })
}

/// A process on pipes.
fn run(command: &[&str]) -> ProcessSpec {
    ProcessSpec { command: command.iter().map(ToString::to_string).collect(), ..ProcessSpec::default() }
}

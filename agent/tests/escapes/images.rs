//! Images that lay traps for whoever makes a container of them. Archives that attack the unpacker are another catalogue,
//! `agent/tests/image/catalogue/`.

use porthole_protocol::spec::{LaunchSpec, ProcessSpec};
use serde_json::{Value, json};

use crate::case::{Case, Play, Verdict, verdict};
use crate::stage::{Stage, link};
use crate::support::terminal;

pub fn cases() -> Vec<Case> {
    vec![
        Case::course("CVE-2025-31133: /dev/null and masked files as links to core_pattern", masked),
        Case::course("CVE-2025-52565: /dev/console and /dev/pts as links", console),
        Case::course("CVE-2026-41579: /dev as a link to a directory of the host", dev),
        Case::course("CVE-2023-27561, CVE-2019-19921: /proc and /sys as links", proc),
        Case::course("CVE-2025-52881: /proc/self and /proc/sys laid out by the image", fake_proc),
        Case::course("CVE-2022-23648: volumes and working directory that lead upwards", upwards),
        Case::course("CVE-2024-23652: a made directory that is a link when it is removed", teardown),
        Case::course("CVE-2026-30892: users that are no users", users),
    ]
}

/// What a container sees in every image: file systems of its own, and settings that it cannot write.
const LOOKS: &str = r#"
for dir in /dev /proc /sys /etc; do [ -h $dir ] && echo "escaped $dir is a link" && exit; done
[ "$(stat -c %t:%T /dev/null)" = 1:3 ] || { echo "escaped /dev/null is $(stat -c '%F %t:%T' /dev/null)"; exit; }
grep -q ' /proc proc ' /proc/mounts && grep -q ' /dev tmpfs ' /proc/mounts || { echo escaped mounts; exit; }
for file in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /proc/sys/kernel/modprobe; do
    (: >>$file) 2>/dev/null && [ "$(stat -c %t:%T $file)" != 1:3 ] && echo "escaped $file opens for writing" && exit
done
[ -s /proc/kcore ] && [ "$(head -c1 /proc/kcore 2>/dev/null | wc -c)" != 0 ] && echo escaped kcore && exit
if [ -t 0 ]; then
    case $(tty) in /dev/pts/*|/dev/console) ;; *) echo "its terminal is called: $(tty)"; exit;; esac
    [ "$(stat -Lc %t $(tty))" = 88 ] || { echo "escaped tty is of major $(stat -Lc %t $(tty))"; exit; }
fi
echo contained every file system is its own
"#;

/// Launches the image with pipes and with a terminal, each of which must look as always.
async fn looks_as_always(stage: &mut Stage, image: &str) -> Verdict {
    let mut seen = Vec::new();
    for on_terminal in [false, true] {
        let mut spec = LaunchSpec { image: image.into(), ..stage.spec(&["sh", "-c", LOOKS]) };
        if on_terminal {
            spec.process = terminal(&["sh", "-c", LOOKS]);
        }
        match stage.run(spec).await {
            Ok(ended) => seen.push(Verdict::of(&ended.said.replace('\r', ""))),
            // To refuse the image is as good.
            Err(refused) => seen.push(Verdict::Contained(refused)),
        }
    }
    let worst = seen.iter().find(|verdict| !matches!(verdict, Verdict::Contained(_)));
    worst.unwrap_or(&seen[0]).clone()
}

/// An image with these links, whose containers must look as always.
fn links<'a>(stage: &'a mut Stage, name: &'a str, links: &'a [(&'a str, &'a str)]) -> Play<'a> {
    Box::pin(async move {
        let status = stage
            .image(name, &json!({ "Cmd": ["sh"] }), |archive| {
                for (name, target) in links {
                    link(archive, name, target);
                }
            })
            .await;
        match status {
            200 => looks_as_always(stage, name).await,
            refused => Verdict::Contained(format!("the image is refused with {refused}")),
        }
    })
}

fn masked(stage: &mut Stage) -> Play<'_> {
    links(
        stage,
        "masked",
        &[("dev/null", "/proc/sys/kernel/core_pattern"), ("dev/zero", "/proc/sysrq-trigger")],
    )
}

fn console(stage: &mut Stage) -> Play<'_> {
    let links_of_it = &[
        ("dev/console", "/proc/sys/kernel/core_pattern"),
        ("dev/pts", "/proc/self/fd"),
        ("dev/ptmx", "/proc/sysrq-trigger"),
        ("dev/tty", "/proc/1/root/etc/passwd"),
    ];
    links(stage, "console", links_of_it)
}

fn dev(stage: &mut Stage) -> Play<'_> {
    links(stage, "dev", &[("dev", "../../../../../../etc")])
}

fn proc(stage: &mut Stage) -> Play<'_> {
    links(stage, "proc", &[("proc", "/evil"), ("sys", "../../../../tmp"), ("etc", "/proc/self/cwd")])
}

fn fake_proc(stage: &mut Stage) -> Play<'_> {
    let links_of_it = &[
        ("proc/self", "/proc/1"),
        ("proc/sys", "/tmp"),
        ("proc/kcore", "/dev/null"),
        ("sys/firmware", "/proc"),
        ("sys/fs/cgroup", "/proc/sys"),
    ];
    links(stage, "fake", links_of_it)
}

fn upwards(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let canary = stage.canary.dir.path().display().to_string();
        let volumes: serde_json::Map<String, Value> = [
            format!("/../../../..{canary}/volume"),
            format!("/tmp/link{canary}/linked"),
            "/proc/self/root/../volume".to_owned(),
            "/dev/../../volume".to_owned(),
        ]
        .into_iter()
        .map(|path| (path, json!({})))
        .collect();
        let config = json!({
            "Cmd": ["sh"], "Volumes": volumes, "WorkingDir": format!("../../../..{canary}/workdir")
        });
        let status =
            stage.image("upwards", &config, |archive| link(archive, "tmp/link", "/proc/1/root")).await;
        if status != 200 {
            return Verdict::Contained(format!("the image is refused with {status}"));
        }
        // The canary's names are compared afterwards.
        match stage.run(LaunchSpec { image: "upwards".into(), ..stage.spec(&["pwd"]) }).await {
            Ok(ended) => verdict(
                ended.said.starts_with('/'),
                format!("made inside, the working directory is {}", ended.said.trim()),
                ended.said,
            ),
            Err(refused) => Verdict::Contained(refused),
        }
    })
}

/// The host's paths as links wherever a teardown may pass: in what was made for the container, in its layer's top, and deep
/// below directories that nobody may enter.
fn teardown(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let canary = stage.canary.dir.path().display().to_string();
        let script = format!(
            r#"cd / && rmdir /work/made && ln -s {canary} /work/made && ln -s {canary} /upper && mkdir -p /a/b/c &&
               ln -s {canary} /a/b/c/d && ln -s / /a/b/root && touch /a/b/c/f && chmod 0 /a/b/c /a/b && mkdir -p /work/w &&
               mv /work/made /work/w/x && ln -s {canary} /work/made && i=0 &&
               while [ $i -lt 200 ]; do mkdir d && cd d && i=$((i+1)) || break; done && echo laid"#
        );
        let mut spec = stage.spec(&["sh", "-c", &script]);
        spec.process.workdir = Some("/work/made".into());
        let ended = match stage.run(spec).await {
            Ok(ended) => ended,
            Err(refused) => return Verdict::Unclear(refused),
        };
        if !ended.said.contains("laid") {
            return Verdict::Unclear(format!("{ended:?}"));
        }
        // Removed after this, and the canary compared.
        Verdict::Contained("removed with all its links, and nothing they lead to".into())
    })
}

fn users(stage: &mut Stage) -> Play<'_> {
    Box::pin(async move {
        let id = stage.stay().await;
        let (mut refused, mut wrong) = (0, Vec::new());
        for user in [
            "-1",
            "4294967295",
            "4294967296",
            "65536",
            "1:",
            ":",
            "0x0",
            " 1000",
            "1000 ",
            "+0",
            "1:-1",
            "1:4294967296",
            "01000",
            "root\n",
            "1000:0x0",
            "nobody:nogroup:",
            "\u{660}",
        ] {
            let command = ["sh", "-c", "echo $(id -u):$(id -g)"].map(String::from).to_vec();
            let process = ProcessSpec { command, user: Some(user.into()), ..ProcessSpec::default() };
            match stage.exec_as(&id, process).await {
                Err(_) => refused += 1,
                // A user's number without its group has group 0; what is no number is none.
                Ok(ended) if user == "01000" && ended.said.starts_with("1000:") => {}
                Ok(ended) if user == "1:" && ended.said.starts_with("1:") => {}
                Ok(ended) => wrong.push(format!("{user:?} is {}", ended.said.trim())),
            }
        }
        verdict(wrong.is_empty(), format!("{refused} of 17 refused"), wrong.join(", "))
    })
}

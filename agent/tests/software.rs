//! Ordinary software in a Debian container: what people install and run in the first hour works, by apt and all.
//!
//! The root file system, with the packages as files in it, is made by `cargo xtask test --long --only software`, which names it in
//! `PORTHOLE_SOFTWARE`; without it there is nothing to try.
#![allow(clippy::unwrap_used, reason = "a helper that fails fails its test")]

mod support;

use porthole_protocol::image::CommitRequest;
use porthole_protocol::spec::LaunchSpec;
use support::{Agent, Client, possible, run, terminal};

/// What is installed, from the packages that lie in the image: maintainer scripts that make users and groups, set capabilities,
/// divert files; and apt's own user, who fetches.
const INSTALL: &str = "export DEBIAN_FRONTEND=noninteractive; apt-get -q update && apt-get -qy --no-install-recommends install \
     python3 python3-venv nodejs git gcc libc6-dev make sudo iputils-ping tmux strace cron </dev/null";

/// A program, what is tried with it, and what it must say.
struct Try {
    what: &'static str,
    script: &'static str,
    says: &'static [&'static str],
}

const TRIES: [Try; 13] = [
    Try {
        what: "users",
        script: "useradd -m bob && echo bob:secret | chpasswd && su bob -c id",
        says: &["uid=1000(bob)"],
    },
    Try { what: "a capability of a file", script: "getcap /usr/bin/ping", says: &["cap_net_raw=ep"] },
    Try { what: "ping", script: "ping -c1 127.0.0.1 && ping -c1 ::1", says: &["1 received", "from ::1"] },
    Try {
        what: "ping of an ordinary user",
        script: "useradd bob; su bob -c 'ping -c1 localhost'",
        says: &["1 received"],
    },
    Try {
        what: "python: venv",
        script: "python3 -m venv --without-pip /tmp/v && /tmp/v/bin/python -c 'import sys; print(sys.prefix)'",
        says: &["/tmp/v"],
    },
    Try { what: "python: processes, memory, sockets", script: PYTHON, says: &PYTHON_SAYS },
    Try { what: "node", script: NODE, says: &["worker 42", "http served", "child ok"] },
    Try {
        what: "git",
        script: "cd /tmp && git config --global user.email a@b && git config --global user.name a && git init -q r && cd r && \
                 echo 1 >f && git add f && git commit -qm one && git gc -q && git clone -q . ../r2 && git -C ../r2 log --format=%s",
        says: &["one"],
    },
    Try {
        what: "gcc",
        script: "cd /tmp && printf '#include <pthread.h>\\n#include <stdio.h>\\nstatic void *f(void *a) { return a; }\\n\
                 int main(void) { pthread_t t; pthread_create(&t, 0, f, 0); pthread_join(t, 0); puts(\"compiled\"); }\\n' >a.c && \
                 gcc -O2 -o a a.c && ./a && gcc -static -o b a.c && ./b && gcc -fsanitize=address -o c a.c && ./c && \
                 printf 'all:\\n\\t./a\\n' >Makefile && make",
        says: &["compiled\ncompiled\ncompiled\n./a\ncompiled"],
    },
    Try {
        what: "strace of a child and of another process",
        script: "strace -f -o /tmp/t sh -c 'true; true' && tail -1 /tmp/t; sleep 60 & pid=$!; \
                 until [ \"$(cut -d' ' -f3 /proc/$pid/stat)\" = S ]; do :; done; timeout 1 strace -p $pid 2>&1; kill $pid",
        says: &["exited with 0", "attached"],
    },
    Try {
        what: "tmux",
        script: "tmux -f /dev/null new -d -x 80 -y 24 'echo inside-$((6*7)); tmux wait -S said; sleep 60' && tmux wait said && \
                 until tmux capture-pane -p | grep inside; do :; done && tmux kill-server",
        says: &["inside-42"],
    },
    Try {
        what: "a service",
        script: "service cron start && service cron status",
        says: &["cron is running"],
    },
    Try {
        what: "removal",
        script: "apt-get -qy purge cron && ! crontab -l",
        says: &["Purging configuration files"],
    },
];

const PYTHON: &str = r#"cat >/tmp/p.py <<'END'
import asyncio, multiprocessing, os, signal, subprocess
from multiprocessing import shared_memory
def square(x): return x * x
if __name__ == "__main__":
    for how in ("fork", "spawn", "forkserver"):
        with multiprocessing.get_context(how).Pool(3) as pool: print(how, sum(pool.map(square, range(10))))
    queue = multiprocessing.Queue(); queue.put(7); print("queue", queue.get())
    memory = shared_memory.SharedMemory(create=True, size=1 << 20); memory.buf[0] = 9; print("memory", memory.buf[0])
    memory.close(); memory.unlink()
    async def main():
        async def serve(reader, writer): writer.write(b"hello"); writer.close()
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        print("asyncio", await reader.read())
        child = await asyncio.create_subprocess_exec("echo", "child", stdout=subprocess.PIPE)
        print("subprocess", (await child.communicate())[0])
    asyncio.run(main())
END
python3 /tmp/p.py </dev/null"#;

const PYTHON_SAYS: [&str; 7] = [
    "fork 285",
    "spawn 285",
    "forkserver 285",
    "queue 7",
    "memory 9",
    "asyncio b'hello'",
    "subprocess b'child\\n'",
];

const NODE: &str = r#"cat >/tmp/n.js <<'END'
const { Worker } = require("worker_threads"), http = require("http"), { execSync } = require("child_process");
new Worker('require("worker_threads").parentPort.postMessage(6 * 7)', { eval: true }).on("message", (n) => console.log("worker", n));
console.log("child", execSync("echo ok").toString().trim());
const server = http.createServer((_, answer) => answer.end("served")).listen(0, "127.0.0.1", () =>
  http.get({ host: "127.0.0.1", port: server.address().port }, (answer) => answer.on("data", (data) => (console.log("http", String(data)), server.close()))));
require("fs").watch("/tmp", () => {}).close();
END
node /tmp/n.js"#;

/// `sudo` and `su` of an ordinary user: where they may gain what they are for, and where they may not.
const GAIN: &str = "useradd -m bob; echo bob:secret | chpasswd; echo 'bob ALL=(ALL) NOPASSWD:ALL' >/etc/sudoers.d/bob; \
                    su bob -c 'sudo id -un' 2>&1; echo sudo-$?; su bob -c 'echo secret | su bob -c \"id -un\"' 2>&1; echo su-$?";

fn spec(image: &str, script: &str) -> LaunchSpec {
    let mut spec = run(&["bash", "-c", script]);
    spec.image = image.into();
    spec.limits.memory_bytes = Some(1 << 30);
    spec.limits.pids = Some(512);
    spec.limits.disk_bytes = Some(4 << 30);
    spec
}

/// All that a script says, and its status.
async fn said(client: &mut Client, spec: LaunchSpec) -> (String, u8) {
    let (_, process) = client.try_launch(spec).await.unwrap();
    let key = (process.container.clone(), process.process);
    // Longer than a client waits for anything else: it is heard of while packages are unpacked.
    client.until(|client| client.exits.contains_key(&key)).await;
    let text: String = process.channels.iter().map(|channel| client.text(channel.channel)).collect();
    (text, client.exits[&key].code)
}

/// An agent that has the image `plain`; none where that was not made.
async fn agent() -> Option<Agent> {
    let Some(archive) = std::env::var_os("PORTHOLE_SOFTWARE") else {
        eprintln!("SKIPPED: this test needs an image with packages: cargo xtask test --long --only software");
        return None;
    };
    if !possible() {
        return None;
    }
    let agent = Agent::start();
    let archive = std::fs::read(archive).unwrap();
    let imported = agent.request("POST", "/api/v1/images/import?name=plain", &[], &archive).await;
    assert_eq!(imported.status, 200, "{}", String::from_utf8_lossy(&imported.body));
    Some(agent)
}

#[tokio::test]
async fn debians_software_is_installed_and_works() {
    let Some(agent) = agent().await else { return };
    let mut client = agent.connect().await;
    let mut install = spec("plain", INSTALL);
    install.name = Some("installed".into());
    let (text, status) = said(&mut client, install).await;
    assert_eq!(status, 0, "{text}");
    for line in text.lines() {
        let lower = line.to_lowercase();
        assert!(!lower.contains("not permitted") && !lower.starts_with("dpkg: error"), "{line}");
    }
    let commit = CommitRequest { name: Some("software".into()), ..CommitRequest::default() };
    let committed = agent.post("/containers/installed/commit", &commit).await;
    assert_eq!(committed.status, 200, "{}", String::from_utf8_lossy(&committed.body));

    let mut wrong = Vec::new();
    for Try { what, script, says } in TRIES {
        let (text, status) = said(&mut client, spec("software", script)).await;
        println!("{what}: status {status}");
        if status != 0 || says.iter().any(|says| !text.contains(says)) {
            wrong.push(format!("{what}: status {status}, {text}"));
        }
    }
    for (new_privileges, says) in [(true, ["root\nsudo-0", "bob\nsu-0"]), (false, ["sudo-1", "su-1"])] {
        let (text, _) = said(&mut client, LaunchSpec { new_privileges, ..spec("software", GAIN) }).await;
        if says.iter().any(|says| !text.contains(says)) || (!new_privileges && text.contains("root\n")) {
            wrong.push(format!("sudo and su, new privileges {new_privileges}: {text}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// The shell of a person: job control, an editor's screen, a program that is stopped and goes on.
#[tokio::test]
async fn bash_has_job_control_on_its_terminal() {
    let Some(agent) = agent().await else { return };
    let mut client = agent.connect().await;
    let mut interactive = spec("plain", "");
    interactive.process = terminal(&["bash", "--norc"]);
    let shell = client.launch(interactive).await;
    client.type_line(&shell, "echo begu''n; sleep 600").await;
    client.expect(&shell, "begun").await;
    client.type_bytes(&shell, b"\x1a").await;
    client.expect(&shell, "Stopped").await;
    client.type_line(&shell, "bg; jobs -r").await;
    client.expect(&shell, "Running").await;
    client.type_line(&shell, "kill %1; wait; exit 6").await;
    assert_eq!(client.exit(&shell).await.code, 6);
}

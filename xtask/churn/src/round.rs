//! One round: a container comes, is used in some way, and goes.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use porthole_driver::{Client, Refused, containers, http};
use porthole_protocol::error::ErrorCode;
use porthole_protocol::spec::{Engine, LaunchSpec, Limits, NAT, ProcessSpec, Publish, Size};

use crate::world::World;
use porthole_driver::Numbers;

/// What is done with a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Runs to its end and removes itself.
    Run,
    /// A shell is typed into, and removed while it runs.
    Terminal,
    /// Further processes on terminals and pipes, then stopped.
    Exec,
    /// Launched by somebody who does not wait for the answer.
    Abandon,
    /// Uses up its memory.
    OutOfMemory,
    /// Starts processes without end.
    ForkBomb,
    /// Writes, is frozen and committed; the image goes again.
    Commit,
    /// An import into the image store, and its removal.
    Import,
}

const KINDS: [Kind; 12] = [
    Kind::Run,
    Kind::Run,
    Kind::Run,
    Kind::Terminal,
    Kind::Terminal,
    Kind::Exec,
    Kind::Exec,
    Kind::Abandon,
    Kind::OutOfMemory,
    Kind::ForkBomb,
    Kind::Commit,
    Kind::Import,
];

/// What a container has beyond the ordinary.
const EXTRAS: [&str; 8] =
    ["a read-only root", "nat", "a lab network", "a disk limit", "a published port", "runc", "crun", "runsc"];

/// One in so many containers has one of them.
const EXTRA_IN: u64 = 2;

impl Kind {
    pub(crate) fn pick(numbers: &mut Numbers) -> Self {
        *numbers.pick(&KINDS)
    }
}

/// Whose round it is.
pub(crate) struct Round<'a> {
    pub(crate) number: u64,
    pub(crate) kind: Kind,
    pub(crate) world: &'a World,
    pub(crate) address: SocketAddr,
}

impl Round<'_> {
    /// Does it. A container that could not be removed is left to whoever cleans up.
    ///
    /// # Errors
    /// Whatever did not go as it should.
    pub(crate) fn play(&self, client: &mut Client, numbers: &mut Numbers) -> Result<()> {
        match self.kind {
            Kind::Run => {
                let spec = self.spec(numbers, "echo here; exit 3");
                let remove = spec.remove;
                let Some(run) = self.launch(client, spec, numbers)? else { return Ok(()) };
                let exit = client.exit(&run)?;
                if exit.code != 3 {
                    bail!("it ended with {exit:?}");
                }
                if remove { Ok(()) } else { client.remove(&run.container) }
            }
            Kind::Terminal => {
                let mut spec = self.spec(numbers, "");
                spec.process = terminal("sh");
                spec.remove = false;
                let Some(shell) = self.launch(client, spec, numbers)? else { return Ok(()) };
                // The command's echo does not hold what the command prints.
                client.input(shell.channel(), b"echo made-$((40+2)); sleep 1000 & ls / >/dev/null\n")?;
                client.expect(shell.channel(), "made-42")?;
                client.remove(&shell.container)
            }
            Kind::Exec => {
                let mut spec = self.spec(numbers, "trap 'exit 0' TERM; sleep 1000 & wait");
                spec.remove = false;
                let Some(first) = self.launch(client, spec, numbers)? else { return Ok(()) };
                for _ in 0..=numbers.below(4) {
                    let command = "sleep 1000 & mkdir -p /tmp/d/e; echo x >/tmp/d/f; echo over";
                    let process = if numbers.below(2) == 0 { terminal(command) } else { piped(command) };
                    let further = client.exec(&first.container, process).context("a further process")?;
                    if numbers.below(2) == 0 {
                        client.exit(&further)?;
                    }
                }
                client.stop(&first.container)?;
                client.remove(&first.container)
            }
            Kind::Abandon => {
                let mut spec = self.spec(numbers, "sleep 0.1");
                spec.remove = true;
                let mut other = Client::connect(self.address)?;
                let request = other.next_request();
                let message = porthole_protocol::control::ClientMessage::Launch {
                    request,
                    spec,
                    credit: 1,
                    typist: None,
                };
                other.send(&message)
            }
            Kind::OutOfMemory => {
                let mut spec = self.spec(numbers, "dd if=/dev/zero of=/dev/null bs=64M");
                spec.limits.memory_bytes = Some(16 << 20);
                spec.remove = false;
                let Some(run) = self.launch(client, spec, numbers)? else { return Ok(()) };
                let exit = client.exit(&run)?;
                if exit.code == 0 {
                    bail!("64 MiB fit into 16: {exit:?}");
                }
                client.remove(&run.container)
            }
            Kind::ForkBomb => {
                let mut spec = self.spec(numbers, "bomb() { bomb | bomb & }; bomb 2>/dev/null; sleep 1000");
                spec.limits.pids = Some(40);
                spec.remove = false;
                let Some(run) = self.launch(client, spec, numbers)? else { return Ok(()) };
                #[expect(clippy::disallowed_methods, reason = "the bomb gets a moment")]
                std::thread::sleep(Duration::from_millis(numbers.below(50)));
                client.remove(&run.container)
            }
            Kind::Commit => {
                let mut spec = self.spec(numbers, "while :; do echo x >>/tmp/written; done");
                spec.read_only = false;
                spec.engine = Engine::Builtin;
                spec.remove = false;
                let Some(run) = self.launch(client, spec, numbers)? else { return Ok(()) };
                let name = format!("churn:{}", self.number);
                let body = format!(r#"{{"name":"{name}"}}"#);
                self.http("POST", &format!("/containers/{}/commit", run.container), body.as_bytes())?;
                self.http("GET", &format!("/containers/{}/changes", run.container), b"")?;
                client.remove(&run.container)?;
                self.http("DELETE", &format!("/images?name={name}"), b"")
            }
            Kind::Import => {
                let name = format!("imported:{}", self.number);
                let archive = archive("marker", name.as_bytes());
                self.http("POST", &format!("/images/import?name={name}"), &archive)?;
                self.http("DELETE", &format!("/images?name={name}"), b"")
            }
        }
    }

    fn spec(&self, numbers: &mut Numbers, script: &str) -> LaunchSpec {
        LaunchSpec {
            image: "busybox".into(),
            name: Some(format!("round-{}", self.number)),
            process: piped(script),
            limits: Limits { pids: Some(64), memory_bytes: Some(64 << 20), ..Limits::default() },
            remove: numbers.below(2) == 0,
            ..LaunchSpec::default()
        }
    }

    /// Launches it, with something beyond the ordinary now and then; none when that is not to be had here.
    fn launch(
        &self,
        client: &mut Client,
        mut spec: LaunchSpec,
        numbers: &mut Numbers,
    ) -> Result<Option<porthole_driver::Attached>> {
        let extra = *numbers.pick(&EXTRAS);
        let with_extra = numbers.below(EXTRA_IN) == 0;
        // A runtime itself needs more than the limits that these rounds are about.
        let own = matches!(self.kind, Kind::Commit | Kind::OutOfMemory | Kind::ForkBomb);
        let engine = |engine| if own { Engine::Builtin } else { engine };
        if with_extra {
            match extra {
                "a read-only root" => spec.read_only = matches!(self.kind, Kind::Run | Kind::OutOfMemory),
                "nat" => spec.networks = vec![NAT.into()],
                "a lab network" => spec.networks = vec![format!("lab-{}", numbers.below(3))],
                "a disk limit" => {
                    spec.limits.disk_bytes = Some(16 << 20);
                    spec.limits.disk_inodes = Some(2000);
                }
                "a published port" => spec.publish = vec![Publish { port: 80, host_port: None }],
                "runc" => spec.engine = engine(Engine::Runc),
                "crun" => spec.engine = engine(Engine::Crun),
                _ => spec.engine = engine(Engine::Runsc),
            }
        }
        if spec.engine != Engine::Builtin {
            spec.limits = Limits { pids: Some(256), memory_bytes: Some(512 << 20), ..spec.limits };
        }
        match client.launch(spec).context("its launch") {
            Ok((_, attached)) => Ok(Some(attached)),
            Err(error) => match error.downcast_ref::<Refused>().map(|refused| refused.0.code) {
                Some(ErrorCode::Unsupported | ErrorCode::Busy) if with_extra => {
                    let mut missing = self.world.missing.lock().expect("nobody panics while holding it");
                    missing.insert(extra);
                    Ok(None)
                }
                _ => Err(error),
            },
        }
    }

    fn http(&self, method: &str, path: &str, body: &[u8]) -> Result<()> {
        http(self.address, method, path, body).map(|_| ())
    }
}

/// A container that does nothing. The first that leads outward makes what is kept as long as the launcher lives, and not every set
/// of rounds has one.
pub(crate) fn sleeper() -> LaunchSpec {
    let (image, process, networks) = ("busybox".into(), piped("sleep 1000"), vec![NAT.into()]);
    LaunchSpec { image, process, networks, ..LaunchSpec::default() }
}

/// Removes every container and every image that a round has left; returns how many there were.
pub(crate) fn clean(address: SocketAddr) -> Result<usize> {
    let left = containers(address)?;
    let mut client = Client::connect(address)?;
    for (id, _) in &left {
        match client.remove(id) {
            // It went by itself meanwhile.
            Err(error)
                if error
                    .downcast_ref::<Refused>()
                    .is_some_and(|refused| refused.0.code == ErrorCode::NoSuchContainer) => {}
            other => other?,
        }
    }
    let images: Vec<serde_json::Value> = serde_json::from_slice(&http(address, "GET", "/images", b"")?)?;
    for image in images {
        let named_so = |prefix: &str| {
            let names = image["names"].as_array().into_iter().flatten();
            names.filter_map(|name| name.as_str()).any(|name| name.starts_with(prefix))
        };
        // One that was given no name belonged to a commit that was cut off.
        if !named_so("busybox") {
            let id = image["id"].as_str().unwrap_or_default();
            http(address, "DELETE", &format!("/images?name={id}&force=true"), b"")?;
        }
    }
    Ok(left.len())
}

fn terminal(script: &str) -> ProcessSpec {
    ProcessSpec { terminal: Some(Size::default()), stdin: true, ..piped(script) }
}

fn piped(script: &str) -> ProcessSpec {
    ProcessSpec { command: vec!["sh".into(), "-c".into(), script.into()], ..ProcessSpec::default() }
}

/// A tar archive of one file, see `tar(5)`.
fn archive(name: &str, contents: &[u8]) -> Vec<u8> {
    let mut header = [0u8; 512];
    let fields: [(usize, &str); 7] = [
        (0, name),
        (100, "0000644\0"),
        (108, "0000000\0"),
        (116, "0000000\0"),
        (136, "00000000000\0"),
        (156, "0"),
        (257, "ustar\x0000"),
    ];
    for (at, text) in fields {
        header[at..at + text.len()].copy_from_slice(text.as_bytes());
    }
    header[124..136].copy_from_slice(format!("{:011o}\0", contents.len()).as_bytes());
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut archive = header.to_vec();
    archive.extend(contents);
    archive.resize(archive.len().next_multiple_of(512) + 1024, 0);
    archive
}

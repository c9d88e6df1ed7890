//! The product on a host of its own, with a canary beside it, and a client.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use porthole_protocol::control::ClientMessage;
use porthole_protocol::http::{ContainerSummary, Exit};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::spec::{Engine, LaunchSpec, ProcessSpec};
use serde_json::{Value, json};

use crate::canary::{Canary, differences};
use crate::case::{Attempt, Case, Verdict};
use crate::support::{Agent, Client, Terminal, image, run};

/// The image that cases run in: busybox and the probe.
pub const IMAGE: &str = "hostile";

/// What a process is killed with for a system call.
const SIGSYS: u8 = 31;

/// For what the kernel or the launcher clears away by itself.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Stage {
    pub agent: Agent,
    pub client: Client,
    pub canary: Canary,
    engine: Engine,
    programs: Vec<PathBuf>,
}

/// A process on pipes that has ended.
#[derive(Debug)]
pub struct Ended {
    pub exit: Exit,
    pub said: String,
}

impl Ended {
    /// How its attempt ended, by its own words.
    pub fn verdict(&self) -> Verdict {
        match Verdict::of(&self.said) {
            // Filters that runtimes make answer some calls so.
            Verdict::Unclear(_) if self.exit.signal == Some(SIGSYS) => {
                Verdict::Contained("its process is killed for a system call".into())
            }
            Verdict::Unclear(why) => Verdict::Unclear(format!("status {}, {why}", self.exit.code)),
            verdict => verdict,
        }
    }
}

impl Stage {
    pub async fn set() -> Self {
        Self::set_with(Agent::start()).await
    }

    /// The same on another engine.
    pub fn on(self, engine: Engine) -> Self {
        Self { engine, ..self }
    }

    /// The same with an agent that has been started.
    pub async fn set_with(agent: Agent) -> Self {
        let engine = std::env::var("PORTHOLE_ESCAPES_ENGINE").unwrap_or_default();
        let engine = Engine::ALL.into_iter().find(|known| known.name() == engine).unwrap_or_default();
        let client = agent.connect().await;
        let programs = [env!("CARGO_BIN_EXE_porthole"), "/bin/busybox", "/bin/sh", "/usr/bin/unshare"]
            .map(PathBuf::from)
            .into();
        let mut stage = Self { agent, client, canary: Canary::hatch(), engine, programs };
        // The loader that Porthole's own program asks for, so that it would run if it were executed inside; with the libraries
        // in its way, which are pipes, it waits for ever.
        let loader = std::fs::read("/lib64/ld-linux-x86-64.so.2").unwrap_or_default();
        let status = stage
            .image(IMAGE, &json!({ "Cmd": ["sh"] }), |archive| {
                let probe = std::fs::read(probe()).unwrap();
                file(archive, "bin/probe", 0o755, &probe);
                file(archive, "bin/gain", 0o4755, &probe);
                file(archive, "evil", 0o755, b"#!/proc/self/exe\n");
                file(archive, "lib64/ld-linux-x86-64.so.2", 0o755, &loader);
                for library in ["libgcc_s.so.1", "libc.so.6", "libm.so.6"] {
                    pipe(archive, &format!("lib/x86_64-linux-gnu/{library}"));
                }
            })
            .await;
        assert_eq!(status, 200, "the image is taken");
        // A client that was not heard of while a busy machine took the image has been closed.
        stage.client = stage.agent.connect().await;
        stage
    }

    /// Whether containers are run by Porthole's own engine.
    pub fn is_ours(&self) -> bool {
        self.engine == Engine::Builtin
    }

    /// A container of [`IMAGE`] that runs `command`.
    pub fn spec(&self, command: &[&str]) -> LaunchSpec {
        LaunchSpec { image: IMAGE.into(), engine: self.engine, ..run(command) }
    }

    /// Plays a case, clears away all containers and compares the canary.
    pub async fn play(&mut self, case: &Case) -> Verdict {
        let before = self.look_at_rest().await;
        let verdict = match &case.attempt {
            Attempt::Course(course) => course(self).await,
            _ => {
                let command = case.command().unwrap();
                let command: Vec<&str> = command.iter().map(String::as_str).collect();
                self.said(self.spec(&command)).await
            }
        };
        self.clear().await;
        let begun = Instant::now();
        loop {
            let changed = differences(&before, &self.look());
            if changed.is_empty() {
                return verdict;
            }
            if begun.elapsed() > PATIENCE {
                return Verdict::Escaped(format!("the host has changed: {changed:?}, after {verdict:?}"));
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// The canary when no child of the launcher's own is at work: those that make spare disks, and those that delete.
    async fn look_at_rest(&self) -> std::collections::BTreeMap<String, String> {
        let begun = Instant::now();
        loop {
            let seen = self.look();
            if !seen["processes"].contains("porthole-launch porthole-launch") || begun.elapsed() > PATIENCE {
                return seen;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    fn look(&self) -> std::collections::BTreeMap<String, String> {
        self.canary.look(&self.programs, &self.agent.state())
    }

    /// What a container's first process says of its attempt.
    pub async fn said(&mut self, spec: LaunchSpec) -> Verdict {
        match self.run(spec).await {
            Ok(ended) => ended.verdict(),
            Err(refused) => Verdict::Unclear(refused),
        }
    }

    /// Runs a container to its end.
    pub async fn run(&mut self, spec: LaunchSpec) -> Result<Ended, String> {
        let (_, terminal) = self.client.try_launch(spec).await.map_err(|error| error.message)?;
        let exit = self.client.exit(&terminal).await;
        Ok(Ended { exit, said: self.all_of(&terminal) })
    }

    /// A container that stays.
    pub async fn stay(&mut self) -> ContainerId {
        let spec = self.spec(&["sleep", "10000"]);
        self.client.launch(spec).await.container
    }

    /// Runs a further process to its end.
    pub async fn exec(&mut self, id: &ContainerId, command: &[&str]) -> Result<Ended, String> {
        let command = command.iter().map(ToString::to_string).collect();
        self.exec_as(id, ProcessSpec { command, ..ProcessSpec::default() }).await
    }

    pub async fn exec_as(&mut self, id: &ContainerId, process: ProcessSpec) -> Result<Ended, String> {
        let run = self.client.try_exec(id, process).await.map_err(|error| error.message)?;
        let exit = self.client.exit(&run).await;
        Ok(Ended { exit, said: self.all_of(&run) })
    }

    /// What a process has said on every channel.
    pub fn all_of(&self, terminal: &Terminal) -> String {
        terminal.channels.iter().map(|channel| self.client.text(channel.channel)).collect()
    }

    pub async fn remove(&mut self, id: &ContainerId) {
        let request = self.client.request();
        self.client.send(&ClientMessage::Remove { request, container: id.clone(), force: true }).await;
        self.client.answer(request).await.expect("a container can always be removed");
    }

    /// After a case that broke off.
    pub async fn begin_again(&mut self) {
        self.client = self.agent.connect().await;
        self.clear().await;
    }

    /// Removes every container.
    async fn clear(&mut self) {
        let left: Vec<ContainerSummary> = self.agent.get("/containers").await;
        for container in left {
            self.remove(&container.id).await;
        }
    }

    /// Adds an image: the hostile one with this configuration, and what `build` puts into one more layer.
    pub async fn image(
        &self,
        name: &str,
        config: &Value,
        build: impl FnOnce(&mut tar::Builder<Vec<u8>>),
    ) -> u16 {
        let base = self.agent.get_bytes("/images/save?name=busybox").await;
        let mut layer = tar::Builder::new(Vec::new());
        build(&mut layer);
        let image = image::image(&base, name, config, &layer.into_inner().unwrap());
        self.agent.request("POST", "/api/v1/images/load", &[], &image).await.status
    }
}

/// A file in an archive.
pub fn file(archive: &mut tar::Builder<Vec<u8>>, name: &str, mode: u32, contents: &[u8]) {
    let mut header = tar::Header::new_ustar();
    header.set_mode(mode);
    header.set_size(contents.len() as u64);
    archive.append_data(&mut header, name, contents).unwrap();
}

/// A pipe in an archive.
pub fn pipe(archive: &mut tar::Builder<Vec<u8>>, name: &str) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Fifo);
    header.set_size(0);
    header.set_mode(0o666);
    archive.append_data(&mut header, name, &[][..]).unwrap();
}

/// A symbolic link in an archive.
pub fn link(archive: &mut tar::Builder<Vec<u8>>, name: &str, target: &str) {
    let mut header = tar::Header::new_ustar();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    header.set_mode(0o777);
    archive.append_link(&mut header, name, target).unwrap();
}

/// The static probe; built here unless `PORTHOLE_PROBE` names it.
pub fn probe() -> PathBuf {
    static PROBE: OnceLock<PathBuf> = OnceLock::new();
    PROBE.get_or_init(build_probe).with_file_name("probe")
}

fn build_probe() -> PathBuf {
    let built = match std::env::var_os("PORTHOLE_PROBE") {
        Some(path) => PathBuf::from(path),
        None => {
            let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
            let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("probe");
            let built = Command::new(env!("CARGO"))
                .args([
                    "build",
                    "--quiet",
                    "--package",
                    "porthole-probe",
                    "--target",
                    &target,
                    "--target-dir",
                ])
                .arg(&directory)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .status()
                .unwrap();
            assert!(
                built.success(),
                "the probe cannot be built; is the target there? rustup target add {target}"
            );
            directory.join(target).join("debug/porthole-probe")
        }
    };
    // By the name that it has in containers.
    let named = built.with_file_name("probe");
    // Several tests do this at a time, each with process ids of its own.
    let copy = tempfile::NamedTempFile::new_in(built.parent().unwrap()).unwrap().into_temp_path();
    std::fs::copy(&built, &copy).unwrap();
    copy.persist(&named).unwrap();
    named
}

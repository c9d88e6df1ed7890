//! An agent of the test's own, on a port and a state directory of its own.

use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::de::DeserializeOwned;
use tempfile::TempDir;

use super::http::{self, Response};
use super::{Client, client};

const BINARY: &str = env!("CARGO_BIN_EXE_porthole");

/// For the agent to end by itself, far above what it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(40);

/// The agent and its launcher; both are ended when it is dropped.
pub struct Agent {
    dir: TempDir,
    /// What is started.
    program: PathBuf,
    process: Child,
    /// Where it listens.
    pub address: String,
    /// The link it printed.
    pub link: String,
    arguments: Vec<String>,
    /// Its configuration, deleted with it.
    config: Option<tempfile::TempPath>,
}

impl Agent {
    /// Starts one on a loopback address.
    pub fn start() -> Self {
        Self::start_with(&["--listen", "127.0.0.1:0"])
    }

    /// Starts one with these arguments.
    pub fn start_with(arguments: &[&str]) -> Self {
        let dir = TempDir::with_prefix("porthole-test-").unwrap();
        // The agent is an ordinary user and must pass through.
        fs::set_permissions(dir.path(), Permissions::from_mode(0o711)).unwrap();
        let arguments: Vec<String> = arguments.iter().map(ToString::to_string).collect();
        let (process, link) = spawn(Command::new(BINARY), &dir.path().join("state"), &arguments);
        let address = address_of(&link);
        Self { dir, program: BINARY.into(), process, address, link, arguments, config: None }
    }

    /// Starts one by a copy of the program, which can be replaced while it runs.
    pub fn start_installed(program: &Path) -> Self {
        let mut agent = Self::start();
        agent.stop();
        agent.program = agent.dir.path().join("porthole");
        agent.install(program);
        agent.begin();
        agent
    }

    /// Puts another program in the place of the one that runs, as an installation does.
    pub fn install(&self, program: &Path) {
        let new = self.dir.path().join("porthole.new");
        fs::copy(program, &new).unwrap();
        fs::rename(new, &self.program).unwrap();
    }

    /// Starts the agent; it may listen elsewhere.
    fn begin(&mut self) {
        let (process, link) = spawn(Command::new(&self.program), &self.state(), &self.arguments);
        self.process = process;
        self.address = address_of(&link);
        self.link = link;
    }

    /// Starts one as the ordinary user of that id, who has nothing but a directory.
    pub fn start_as(user: u32) -> Self {
        Self::start_by(user, |_| Command::new("setpriv"))
    }

    /// The same for a user who has a name and 65,536 ids more, from `first` on. What `/etc` says of that is said in a mount
    /// namespace of its own: the host's files stay as they are.
    pub fn start_as_with_range(user: u32, first: u32) -> Self {
        let password = fs::read_to_string("/etc/passwd").unwrap();
        let files = [
            ("passwd", format!("{password}somebody:x:{user}:{user}::/:/bin/sh\n")),
            ("subuid", format!("somebody:{first}:65536\n")),
            ("subgid", format!("somebody:{first}:65536\n")),
        ];
        Self::start_by(user, |dir| {
            files.iter().for_each(|(name, text)| fs::write(dir.join(name), text).unwrap());
            let binds =
                files.each_ref().map(|(name, _)| format!("mount --bind \"$0/{name}\" /etc/{name} && "));
            let mut command = Command::new("unshare");
            command.args(["--mount", "sh", "-c", &(binds.concat() + "exec setpriv \"$@\"")]).arg(dir);
            command
        })
    }

    /// `setpriv` gives what `setpriv(1)` is called by, in the directory of the test.
    fn start_by(user: u32, setpriv: impl FnOnce(&Path) -> Command) -> Self {
        let dir = TempDir::with_prefix("porthole-test-").unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o755)).unwrap();
        // The user may not be able to reach where it was built.
        let binary = dir.path().join("porthole");
        fs::copy(BINARY, &binary).unwrap();
        std::os::unix::fs::chown(&binary, Some(user), Some(user)).unwrap();
        let state = dir.path().join("state");
        fs::create_dir(&state).unwrap();
        std::os::unix::fs::chown(&state, Some(user), Some(user)).unwrap();
        let mut command = setpriv(dir.path());
        command
            .args(["--reuid", &user.to_string(), "--regid", &user.to_string(), "--clear-groups"])
            .arg(&binary);
        let arguments = vec!["--listen".to_owned(), "127.0.0.1:0".to_owned()];
        let (process, link) = spawn(command, &state, &arguments);
        let address = address_of(&link);
        Self { dir, program: binary, process, address, link, arguments, config: None }
    }

    /// The state directory.
    pub fn state(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    /// The agent's process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// The launcher's process id.
    pub fn launcher(&self) -> Option<u32> {
        launcher_of(&self.state())
    }

    /// Kills the agent as an OOM killer would, and starts another one on the same state.
    pub fn kill_and_restart(&mut self) {
        self.kill_and_restart_after(|_| {});
    }

    /// The same; between the two, something happens to the state.
    pub fn kill_and_restart_after(&mut self, between: impl FnOnce(&Path)) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        between(&self.state());
        self.begin();
    }

    /// Asks the agent to end and waits until it has.
    pub fn stop(&mut self) -> std::process::ExitStatus {
        kill_process(pid(self.process.id()), Signal::TERM).unwrap();
        self.wait().expect("the agent ends in time")
    }

    /// Waits for the agent's end.
    pub fn wait(&mut self) -> Option<std::process::ExitStatus> {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            if let Some(status) = self.process.try_wait().unwrap() {
                return Some(status);
            }
            #[expect(clippy::disallowed_methods, reason = "a test may wait for another program")]
            std::thread::sleep(Duration::from_millis(20));
        }
        None
    }

    /// The token in the link that it printed.
    pub fn token(&self) -> &str {
        self.link.split_once("#token=").expect("this agent demands a token").1
    }

    /// Sends a request with the token.
    pub async fn owner(&self, method: &str, path: &str, body: &[u8]) -> Response {
        let bearer = format!("Bearer {}", self.token());
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        self.request(method, &format!("/api/v1{path}"), &headers, body).await
    }

    /// Starts one with this configuration file, on a loopback address.
    pub fn start_configured(text: &str) -> Self {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
        let path = file.into_temp_path();
        let mut agent = Self::start_with(&["--listen", "127.0.0.1:0", "--config", path.to_str().unwrap()]);
        agent.config = Some(path);
        agent
    }

    /// A client that has said hello.
    pub async fn connect(&self) -> Client {
        Client::connect(&self.address, None).await.expect("a client is welcome")
    }

    /// A client's upgrade with these headers instead of the usual ones.
    pub async fn upgrade(&self, headers: &[(&str, &str)]) -> Result<client::Socket, (u16, String)> {
        client::upgrade(&self.address, headers).await
    }

    /// Sends a request.
    pub async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Response {
        http::request(&self.address, method, path, headers, body).await
    }

    /// What a path of the API answers.
    pub async fn get<T: DeserializeOwned>(&self, path: &str) -> T {
        let response = self.request("GET", &format!("/api/v1{path}"), &[], b"").await;
        assert_eq!(response.status, 200, "{path}: {}", String::from_utf8_lossy(&response.body));
        response.json()
    }

    /// The bytes that a path of the API answers.
    pub async fn get_bytes(&self, path: &str) -> Vec<u8> {
        let response = self.request("GET", &format!("/api/v1{path}"), &[], b"").await;
        assert_eq!(response.status, 200, "{path}: {}", String::from_utf8_lossy(&response.body));
        response.body
    }

    /// Posts a JSON body to a path of the API.
    pub async fn post(&self, path: &str, body: &impl serde::Serialize) -> Response {
        let body = serde_json::to_vec(body).unwrap();
        self.request("POST", &format!("/api/v1{path}"), &[("content-type", "application/json")], &body).await
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        if matches!(self.process.try_wait(), Ok(None)) {
            let _ = kill_process(pid(self.process.id()), Signal::TERM);
            if self.wait().is_none() {
                let _ = self.process.kill();
                let _ = self.process.wait();
            }
        }
        if let Some(launcher) = self.launcher() {
            let _ = kill_process(pid(launcher), Signal::KILL);
        }
    }
}

fn spawn(mut command: Command, state: &Path, arguments: &[String]) -> (Child, String) {
    let mut process = command
        .arg("serve")
        .args(arguments)
        .arg("--state")
        .arg(state)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let link = line.trim().strip_prefix("Porthole is open at ").unwrap_or_else(|| panic!("it said {line:?}"));
    (process, link.to_owned())
}

fn address_of(link: &str) -> String {
    link.trim_start_matches("http://").split('/').next().unwrap().to_owned()
}

fn pid(raw: u32) -> Pid {
    Pid::from_raw(raw.try_into().unwrap()).unwrap()
}

/// The launcher whose argument is this state directory.
fn launcher_of(state: &Path) -> Option<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).find(|pid: &u32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
        words.get(1..3) == Some(&[b"launcher", state.as_os_str().as_encoded_bytes()])
    })
}

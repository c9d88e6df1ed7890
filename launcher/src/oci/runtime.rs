//! The runtimes of this host: which there are, and how each is called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::wire::EngineKind;

/// Where programs of the host are looked for: the launcher has no environment.
const PATH: [&str; 6] = ["/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/// What a runtime finds in its environment.
pub(super) const ENVIRONMENT: [&str; 2] =
    ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/"];

/// Every runtime.
pub(crate) const KINDS: [EngineKind; 3] = [EngineKind::Runc, EngineKind::Crun, EngineKind::Runsc];

/// A runtime of this host.
#[derive(Clone, Debug)]
pub(crate) struct Runtime {
    pub(crate) kind: EngineKind,
    program: PathBuf,
    /// What it says of itself.
    pub(crate) version: String,
}

/// Where the files of one container are.
#[derive(Clone, Debug)]
pub(super) struct Files {
    directory: PathBuf,
}

impl Files {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self { directory }
    }

    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// The container's name for the runtime. gVisor has a socket of that name that all launchers of a host share.
    fn name(&self) -> String {
        let id = self.directory.file_name().unwrap_or_default().to_string_lossy();
        format!("{id}-{}", std::process::id())
    }

    /// The runtime's own state.
    fn state(&self) -> PathBuf {
        self.directory.join("state")
    }

    pub(super) fn config(&self) -> PathBuf {
        self.directory.join("config.json")
    }

    pub(super) fn process(&self, number: u32) -> PathBuf {
        self.directory.join(format!("{number}.json"))
    }

    /// Where the host's pid of process 1 is told; of a further process when there is a number.
    pub(super) fn pid(&self, number: Option<u32>) -> PathBuf {
        self.directory.join(number.map_or("init.pid".to_owned(), |number| format!("{number}.pid")))
    }

    /// Where its pid inside is told, when that is no pid of the host.
    pub(super) fn pid_inside(&self, number: u32) -> PathBuf {
        self.directory.join(format!("{number}.inside"))
    }
}

impl Runtime {
    /// The runtime of that kind; the error is why it cannot be used, in a sentence.
    pub(crate) fn find(kind: EngineKind, rootless: bool) -> Result<Self, String> {
        let name = name(kind);
        if rootless {
            return Err(format!("{name} is used by a launcher with root alone."));
        }
        let found = PATH.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.is_file());
        let program = found.ok_or_else(|| format!("{name} is not installed."))?;
        let answer = Command::new(&program)
            .arg("--version")
            .env_clear()
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("{} cannot be run: {error}.", program.display()))?;
        let text = String::from_utf8_lossy(&answer.stdout);
        let version = text.lines().next().unwrap_or_default().rsplit(' ').next().unwrap_or_default();
        if !answer.status.success() || version.is_empty() {
            return Err(format!("{} does not tell its version.", program.display()));
        }
        if kind == EngineKind::Runc && hybrid() && !has_devices() {
            return Err("runc needs the devices controller, which is not mounted.".to_owned());
        }
        Ok(Self { kind, program, version: version.chars().take(64).collect() })
    }

    /// Whether its containers' networks have to be there before they are: gVisor's kernel takes over the addresses that it finds
    /// at its start.
    pub(super) fn takes_network(&self) -> bool {
        self.kind == EngineKind::Runsc
    }

    /// The command line that makes a container, in networks or in none.
    pub(super) fn run(&self, files: &Files, networked: bool) -> Vec<String> {
        let bundle = path(files.directory());
        let flags = [("detach", None), ("bundle", Some(bundle)), ("pid-file", Some(path(&files.pid(None))))];
        self.call(files, networked, "run", &flags, &[])
    }

    /// The one that runs a container to its end.
    pub(super) fn trial(&self, files: &Files) -> Vec<String> {
        self.call(files, false, "run", &[("bundle", Some(path(files.directory())))], &[])
    }

    /// The one that starts process `number` of it, with a terminal that is sent to `console`.
    pub(super) fn exec(&self, files: &Files, number: u32, console: Option<String>) -> Vec<String> {
        let mut flags = vec![
            ("detach", None),
            ("process", Some(path(&files.process(number)))),
            ("pid-file", Some(path(&files.pid(Some(number))))),
        ];
        if self.kind == EngineKind::Runsc {
            flags.push(("internal-pid-file", Some(path(&files.pid_inside(number)))));
        }
        flags.extend(console.map(|console| ("console-socket", Some(console))));
        self.call(files, false, "exec", &flags, &[])
    }

    /// The one that sends a signal to a process inside.
    pub(super) fn kill(&self, files: &Files, inside: &str, signal: i32) -> Vec<String> {
        self.call(files, false, "kill", &[("pid", Some(inside.to_owned()))], &[&signal.to_string()])
    }

    fn call(
        &self,
        files: &Files,
        networked: bool,
        verb: &str,
        flags: &[(&str, Option<String>)],
        rest: &[&str],
    ) -> Vec<String> {
        let dashes = if self.kind == EngineKind::Runsc { "-" } else { "--" };
        let flag = |(name, value): &(&str, Option<String>)| match value {
            Some(value) => format!("{dashes}{name}={value}"),
            None => format!("{dashes}{name}"),
        };
        let common: &[&str] = match self.kind {
            // The limits are the launcher's, and files are written where `diff` and `commit` look for them.
            EngineKind::Runsc if networked => &["-ignore-cgroups", "-network=sandbox", "-overlay2=none"],
            EngineKind::Runsc => &["-ignore-cgroups", "-network=none", "-overlay2=none"],
            EngineKind::Crun => &["--cgroup-manager=disabled"],
            EngineKind::Runc | EngineKind::Builtin => &[],
        };
        let root = flag(&("root", Some(path(&files.state()))));
        [path(&self.program), root]
            .into_iter()
            .chain(common.iter().map(|&flag| flag.to_owned()))
            .chain([verb.to_owned()])
            .chain(flags.iter().map(flag))
            .chain([files.name()])
            .chain(rest.iter().map(|&word| word.to_owned()))
            .collect()
    }

    /// Whether its processes are put into a hierarchy with these controllers by the launcher; else it does so itself, and
    /// would take one that is not empty for somebody else's.
    pub(super) fn is_put_into(&self, controllers: &[String], version: u8) -> bool {
        self.kind != EngineKind::Runc || (version == 1 && !controllers.iter().any(|name| name == "devices"))
    }

    /// Mount points of cgroups that it must not see. Runc makes a directory in every hierarchy it sees, and cannot do without
    /// that of the devices; crun refuses a host with both versions.
    pub(super) fn hidden(&self) -> Vec<String> {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        hidden(self.kind, &table)
    }
}

fn hidden(kind: EngineKind, table: &str) -> Vec<String> {
    let mounts = cgroups(table);
    if !mounts.iter().any(|(version, ..)| *version == 1) {
        return Vec::new();
    }
    let is_hidden = |version: u8, options: &str| match kind {
        EngineKind::Runc => !options.split(',').any(|option| option == "devices"),
        EngineKind::Crun => version == 2,
        EngineKind::Runsc | EngineKind::Builtin => false,
    };
    // The latest first: it may lie in an earlier one.
    mounts
        .iter()
        .rev()
        .filter(|(version, _, options)| is_hidden(*version, options))
        .map(|(_, point, _)| point.clone())
        .collect()
}

/// Version, mount point and options of every mounted hierarchy.
fn cgroups(table: &str) -> Vec<(u8, String, String)> {
    let mount = |line: &str| {
        let (own, file_system) = line.split_once(" - ")?;
        let mut fields = file_system.split(' ');
        let version = match fields.next()? {
            "cgroup" => 1,
            "cgroup2" => 2,
            _ => return None,
        };
        Some((version, own.split(' ').nth(4)?.to_owned(), fields.nth(1)?.to_owned()))
    };
    table.lines().filter_map(mount).collect()
}

fn hybrid() -> bool {
    mounted().iter().any(|(version, ..)| *version == 1)
}

fn has_devices() -> bool {
    mounted().iter().any(|(_, _, options)| options.split(',').any(|option| option == "devices"))
}

fn mounted() -> Vec<(u8, String, String)> {
    cgroups(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default())
}

/// The name of an engine's program, and of the engine.
pub(crate) fn name(kind: EngineKind) -> &'static str {
    match kind {
        EngineKind::Builtin => "builtin",
        EngineKind::Runc => "runc",
        EngineKind::Crun => "crun",
        EngineKind::Runsc => "runsc",
    }
}

fn path(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
30 23 0:26 / /sys/fs/cgroup rw - tmpfs tmpfs rw
31 30 0:27 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/devices rw - cgroup cgroup rw,devices
33 30 0:29 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";

    #[test]
    fn each_runtime_sees_of_the_cgroups_what_it_bears() {
        let unified = "/sys/fs/cgroup/unified";
        assert_eq!(hidden(EngineKind::Runc, HYBRID), [unified, "/sys/fs/cgroup/memory"]);
        assert_eq!(hidden(EngineKind::Crun, HYBRID), [unified]);
        assert_eq!(hidden(EngineKind::Runsc, HYBRID), [""; 0]);
        let version_2 = "30 23 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        assert_eq!(hidden(EngineKind::Runc, version_2), [""; 0]);
    }
}

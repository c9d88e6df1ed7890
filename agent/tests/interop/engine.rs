//! Another engine, by its command line.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

/// How one calls it: program, arguments that stand before every verb, and those of every `run`.
pub(crate) struct Engine {
    pub(crate) program: &'static str,
    pub(crate) global: Vec<String>,
    pub(crate) run: Vec<String>,
}

impl Engine {
    /// What a verb prints, given that it succeeds.
    pub(crate) fn ok(&self, words: &[&str]) -> String {
        self.ok_with_input(words, b"")
    }

    /// What it prints with this on standard input, given that it succeeds.
    pub(crate) fn ok_with_input(&self, words: &[&str], input: &[u8]) -> String {
        let mut child = Command::new(self.program)
            .args(&self.global)
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let output = std::thread::scope(|scope| {
            // Whoever refuses the input closes it; the outcome tells.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output().unwrap()
        });
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{} {}: {out}{err}", self.program, words.join(" "));
        out.into_owned()
    }

    /// Runs a container to its end: what its command prints.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        let run: Vec<_> = self.run.iter().map(String::as_str).collect();
        self.ok(&[&["run"], &run[..], words].concat())
    }

    /// The id of an image, with or without `sha256:` before it.
    pub(crate) fn id(&self, image: &str) -> String {
        self.ok(&["image", "inspect", "--format", "{{.Id}}", image]).trim().to_owned()
    }
}

/// Whether this can be tested: as root, with these programs. Says so when not.
pub(crate) fn possible(programs: &[&str]) -> bool {
    if !rustix::process::geteuid().is_root() {
        eprintln!("SKIPPED: other engines are tested as root");
        return false;
    }
    let missing: Vec<_> = programs.iter().filter(|program| !is_installed(program)).collect();
    if !missing.is_empty() {
        eprintln!("SKIPPED: not installed: {missing:?}; `cargo xtask test` installs them where it can");
    }
    missing.is_empty()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    Path::new(program).is_file() || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

/// Removes the control groups that an engine made for its containers, on each hierarchy.
pub(crate) fn remove_cgroups(name: &str) {
    let hierarchies = std::fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    let groups = hierarchies.map(|hierarchy| hierarchy.path().join(name));
    for group in groups.chain([Path::new("/sys/fs/cgroup").join(name)]) {
        for below in std::fs::read_dir(&group).into_iter().flatten().flatten() {
            // Files of the kernel stay: they go with their directory.
            let _ = std::fs::remove_dir(below.path());
        }
        let _ = std::fs::remove_dir(group);
    }
}

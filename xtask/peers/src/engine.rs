//! Another engine, by its command line: Docker's and Podman's are alike.

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, bail};

/// How one calls it.
pub struct Engine {
    pub(crate) program: &'static str,
    /// Arguments before every verb.
    pub(crate) global: Vec<String>,
    /// Options of every `run`.
    pub(crate) run: Vec<String>,
}

impl Engine {
    /// The command line for a verb, not yet started.
    #[must_use]
    pub fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        command.args(&self.global).args(words).stdin(Stdio::null());
        command
    }

    /// What a verb prints.
    ///
    /// # Errors
    /// When it does not succeed; the error is what it printed.
    pub fn ok(&self, words: &[&str]) -> Result<String> {
        self.ok_with_input(words, b"")
    }

    /// What it prints with this on standard input.
    ///
    /// # Errors
    /// As [`Engine::ok`].
    pub fn ok_with_input(&self, words: &[&str], input: &[u8]) -> Result<String> {
        let mut command = self.command(words);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut stdin = child.stdin.take().expect("its input is piped");
        let output = std::thread::scope(|scope| {
            // Whoever refuses the input closes it; the outcome tells.
            scope.spawn(move || stdin.write_all(input));
            child.wait_with_output()
        })?;
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if !output.status.success() {
            bail!("{} {}: {out}{err}", self.program, words.join(" "));
        }
        Ok(out.into_owned())
    }

    /// Runs a container to its end, with options, image and command: what the command prints.
    ///
    /// # Errors
    /// When it does not succeed.
    pub fn run(&self, words: &[&str]) -> Result<String> {
        let run: Vec<_> = self.run.iter().map(String::as_str).collect();
        self.ok(&[&["run"], &run[..], words].concat())
    }

    /// The id of an image: the digest of its configuration, in hexadecimal.
    ///
    /// # Errors
    /// When it has no such image.
    pub fn id(&self, image: &str) -> Result<String> {
        let id = self.ok(&["image", "inspect", "--format", "{{.Id}}", image])?;
        Ok(id.trim().trim_start_matches("sha256:").to_owned())
    }
}

/// Those of the programs, names or paths, that are not installed.
#[must_use]
pub fn missing<'a>(programs: &[&'a str]) -> Vec<&'a str> {
    let path = env::var_os("PATH").unwrap_or_default();
    let is_installed = |program: &str| env::split_paths(&path).any(|dir| dir.join(program).is_file());
    programs.iter().copied().filter(|program| !is_installed(program)).collect()
}

/// Removes the control groups that an engine made for its containers, on each hierarchy.
pub(crate) fn remove_cgroups(name: &str) {
    let hierarchies = fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten();
    let groups = hierarchies.map(|hierarchy| hierarchy.path().join(name));
    for group in groups.chain([Path::new("/sys/fs/cgroup").join(name)]) {
        for below in fs::read_dir(&group).into_iter().flatten().flatten() {
            // Files of the kernel stay: they go with their directory.
            let _ = fs::remove_dir(below.path());
        }
        let _ = fs::remove_dir(group);
    }
}

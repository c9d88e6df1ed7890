//! Trunk and the wasm-bindgen command line: from PATH when the version is right, else from our own folder, else built.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result};

use crate::step::{quietly, step};
use crate::workspace::{find_program, root, tools};

/// Newer ones (0.22) need a newer Rust than `rust-toolchain.toml` names.
const TRUNK: &str = "0.21.14";

/// Any version would do.
const CARGO_FUZZ: &str = "0.13.1";

/// A build tool that cargo can install.
struct Tool {
    package: &'static str,
    program: &'static str,
    version: String,
    /// Options and environment that make building it cheap: it runs for a second, it need not be fast.
    options: &'static [&'static str],
    environment: &'static [(&'static str, &'static str)],
}

/// Where the tools are.
pub struct Tools {
    dirs: Vec<PathBuf>,
    versions: Vec<String>,
}

impl Tools {
    /// PATH with the tools and npm's programs in front.
    ///
    /// # Errors
    /// When a folder's name cannot stand in PATH.
    pub fn path(&self) -> Result<OsString> {
        let mut dirs = self.dirs.clone();
        dirs.push(root().join("node_modules/.bin"));
        dirs.extend(env::split_paths(&env::var_os("PATH").unwrap_or_default()));
        env::join_paths(dirs).context("a folder's name holds a colon")
    }

    /// Name and version of each, for a stamp of what they made.
    pub fn versions(&self) -> Vec<&str> {
        self.versions.iter().map(String::as_str).collect()
    }
}

/// Finds or installs the tools.
///
/// # Errors
/// When one is missing and cannot be built.
pub fn ensure() -> Result<Tools> {
    let wanted = [
        Tool {
            package: "trunk",
            program: "trunk",
            version: TRUNK.to_owned(),
            options: &["--debug", "--no-default-features"],
            environment: &[("CARGO_PROFILE_DEV_DEBUG", "0")],
        },
        Tool {
            package: "wasm-bindgen-cli",
            program: "wasm-bindgen",
            version: locked_version("wasm-bindgen")?,
            options: &["--debug", "--bin", "wasm-bindgen"],
            environment: &[("CARGO_PROFILE_DEV_DEBUG", "0"), ("CARGO_PROFILE_DEV_OPT_LEVEL", "1")],
        },
    ];
    let mut tools = Tools { dirs: Vec::new(), versions: Vec::new() };
    for tool in wanted {
        tools.versions.push(format!("{} {}", tool.package, tool.version));
        if find_program(tool.program).is_some_and(|found| version_of(&found).as_ref() == Some(&tool.version))
        {
            continue;
        }
        tools.dirs.push(own(&tool)?);
    }
    Ok(tools)
}

/// PATH with the subcommand `cargo fuzz` in it.
///
/// # Errors
/// When it is missing and cannot be built.
pub fn cargo_fuzz() -> Result<OsString> {
    let tool = Tool {
        package: "cargo-fuzz",
        program: "cargo-fuzz",
        version: CARGO_FUZZ.to_owned(),
        options: &["--debug"],
        environment: &[("CARGO_PROFILE_DEV_DEBUG", "0")],
    };
    let mut tools = Tools { dirs: Vec::new(), versions: Vec::new() };
    if find_program(tool.program).is_none() {
        tools.dirs.push(own(&tool)?);
    }
    tools.path()
}

/// The folder of our own copy, which is built first when it is missing.
fn own(tool: &Tool) -> Result<PathBuf> {
    let home = tools()?.join(format!("{}-{}", tool.package, tool.version));
    let bin = home.join("bin");
    if !bin.join(tool.program).is_file() {
        step(&format!("building {} {} (once, some minutes)", tool.package, tool.version), || {
            quietly(
                Command::new("cargo")
                    .args(["install", "--locked", "--root"])
                    .arg(&home)
                    .args(tool.options)
                    .arg(format!("{}@{}", tool.package, tool.version))
                    .envs(tool.environment.iter().copied())
                    .env_remove("CARGO_TARGET_DIR")
                    .current_dir(root()),
            )
        })?;
    }
    Ok(bin)
}

/// `trunk 0.21.14` gives `0.21.14`.
fn version_of(program: &PathBuf) -> Option<String> {
    let answer = Command::new(program).arg("--version").output().ok()?;
    String::from_utf8(answer.stdout).ok()?.split_whitespace().nth(1).map(str::to_owned)
}

fn locked_version(package: &str) -> Result<String> {
    let lock = fs::read_to_string(root().join("Cargo.lock")).context("cannot read Cargo.lock")?;
    version_in(&lock, package).with_context(|| format!("Cargo.lock names no {package}"))
}

fn version_in(lock: &str, package: &str) -> Option<String> {
    let (_, entry) = lock.split_once(&format!("name = \"{package}\"\nversion = \""))?;
    entry.split('"').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locked_version_is_that_of_the_very_package() {
        let lock = "[[package]]\nname = \"wasm-bindgen-macro\"\nversion = \"0.1.0\"\n\n\
                    [[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.128\"\n";
        assert_eq!(version_in(lock, "wasm-bindgen").as_deref(), Some("0.2.128"));
        assert_eq!(version_in(lock, "yew"), None);
    }
}

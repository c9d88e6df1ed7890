//! Builds `launcher/init` as a static program, for the launcher to carry inside.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

fn main() {
    let manifest = PathBuf::from(variable("CARGO_MANIFEST_DIR")).join("init/Cargo.toml");
    let out = PathBuf::from(variable("OUT_DIR"));
    let target = format!("{}-unknown-linux-musl", variable("CARGO_CFG_TARGET_ARCH"));
    println!("cargo::rerun-if-changed=init");

    let status = Command::new(variable("CARGO"))
        .args(["build", "--profile", "init", "--quiet", "--target", &target, "--manifest-path"])
        .arg(&manifest)
        .arg("--target-dir")
        .arg(out.join("init"))
        // Flags of the outer build are for another program.
        .env("CARGO_ENCODED_RUSTFLAGS", "-Crelocation-model=static")
        .env_remove("RUSTC_WORKSPACE_WRAPPER")
        .status()
        .expect("cargo runs this script and so can be run");
    assert!(
        status.success(),
        "the containers' init cannot be built; is it missing: rustup target add {target}?"
    );
    copy(&out.join("init").join(&target).join("init/porthole-init"), &out.join("porthole-init"));
}

fn copy(from: &Path, to: &Path) {
    fs::copy(from, to).expect("cargo has just built the program there");
}

fn variable(name: &str) -> String {
    env::var(name).expect("cargo sets this variable for build scripts")
}

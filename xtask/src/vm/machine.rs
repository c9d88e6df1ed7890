//! The machine: a first file system in memory, a disk, and QEMU with a serial line.

use std::fs::{self, File, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use super::kernel::Kernel;
use crate::step::quietly;
use crate::workspace::{find_program, target};

/// How long the machine may run before it counts as stuck, in seconds: the longest program takes a tenth of it where
/// nothing else runs.
const DEADLINE: &str = "1200";

/// What the first program prints before the script's exit status.
const STATUS: &str = "MACHINE-STATUS ";

const INIT: &str = include_str!("init.sh");

/// Boots the machine, runs `script` in it by a shell, and shows what it prints; returns that, and the script's status.
///
/// # Errors
/// When the machine cannot be made, or ends without a status of the script's.
pub(super) fn run(kernel: &Kernel, script: &str) -> Result<(u8, String)> {
    let dir = target().join("vm");
    fs::create_dir_all(&dir)?;
    let archive = first_file_system(&dir, kernel, script)?;
    let disk = dir.join("disk.img");
    File::create(&disk)?.set_len(2 << 30)?;
    quietly(
        Command::new("mkfs.ext4")
            .args(["-q", "-F", "-O", "quota,project", "-E", "quotatype=prjquota"])
            .arg(&disk),
    )?;
    let mut machine = Command::new("timeout")
        .args([
            DEADLINE,
            "qemu-system-x86_64",
            "-M",
            "pc",
            "-accel",
            "tcg,thread=multi",
            "-smp",
            "2",
            "-cpu",
            "max",
        ])
        .args(["-m", "2048", "-display", "none", "-no-reboot", "-nodefaults", "-serial", "stdio"])
        .arg("-kernel")
        .arg(&kernel.image)
        .arg("-initrd")
        .arg(archive)
        // An emulated timer does not come when a busy machine gives it no time to: nobody is to conclude anything from that.
        .args(["-append", "console=ttyS0 quiet panic=-1 nokaslr mitigations=off no_timer_check tsc=reliable"])
        .args(["-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap"])
        .args(["-device", "virtio-9p-pci,fsdev=root,mount_tag=root"])
        .args(["-drive", &format!("file={},if=none,id=disk,format=raw", disk.display())])
        .args(["-device", "virtio-blk-pci,drive=disk"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .context("cannot start QEMU")?;
    let serial = machine.stdout.take().expect("the output is piped");
    let (mut status, mut output) = (None, String::new());
    for line in BufReader::new(serial).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches('\r');
        match line.strip_prefix(STATUS) {
            Some(code) => status = code.parse::<u8>().ok(),
            None => {
                println!("{line}");
                output += line;
                output.push('\n');
            }
        }
    }
    machine.wait()?;
    fs::remove_file(disk)?;
    match status {
        Some(code) => Ok((code, output)),
        None => bail!("the machine ended before its tests did"),
    }
}

/// An archive of the first program, the modules and the script, as the kernel unpacks it at boot.
fn first_file_system(dir: &Path, kernel: &Kernel, script: &str) -> Result<std::path::PathBuf> {
    let root = dir.join("root");
    if root.exists() {
        fs::remove_dir_all(&root)?;
    }
    for name in ["bin", "modules", "host", "proc", "sys", "dev"] {
        fs::create_dir_all(root.join(name))?;
    }
    let busybox = find_program("busybox").context("busybox is gone")?;
    fs::copy(busybox, root.join("bin/busybox"))?;
    symlink("busybox", root.join("bin/sh"))?;
    for (number, module) in kernel.modules.iter().enumerate() {
        fs::copy(module, root.join(format!("modules/{number:02}.ko")))?;
    }
    fs::write(root.join("script"), script)?;
    fs::write(root.join("init"), INIT)?;
    fs::set_permissions(root.join("init"), Permissions::from_mode(0o755))?;
    let archive = dir.join("root.cpio");
    quietly(
        Command::new("sh").current_dir(&root).args(["-c", "find . | cpio --quiet -o -H newc > ../root.cpio"]),
    )?;
    Ok(archive)
}

//! The containers' init: a static program inside this one, run from a sealed memory file so that no container can reach a
//! file of the host through its `/proc/1/exe` (CVE-2019-5736).

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;

use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, memfd_create};

/// `launcher/init`, built by this package's build script.
pub(crate) static IMAGE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/porthole-init"));

/// Puts it into memory that nobody can change any more.
pub(crate) fn load() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let memory = memfd_create("porthole-init", flags | MemfdFlags::EXEC)
        // Kernels before 6.3 do not know the flag, and make every memory file executable.
        .or_else(|_| memfd_create("porthole-init", flags))?;
    let mut file = File::from(memory);
    file.write_all(IMAGE)?;
    fcntl_add_seals(&file, SealFlags::SEAL | SealFlags::SHRINK | SealFlags::GROW | SealFlags::WRITE)?;
    Ok(file.into())
}

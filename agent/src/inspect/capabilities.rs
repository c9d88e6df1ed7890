//! Capabilities by name and by bit. Source: `linux/capability.h`, `capabilities(7)`.

/// Names without `CAP_`; the position is the bit.
const NAMES: [&str; 41] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "DAC_READ_SEARCH",
    "FOWNER",
    "FSETID",
    "KILL",
    "SETGID",
    "SETUID",
    "SETPCAP",
    "LINUX_IMMUTABLE",
    "NET_BIND_SERVICE",
    "NET_BROADCAST",
    "NET_ADMIN",
    "NET_RAW",
    "IPC_LOCK",
    "IPC_OWNER",
    "SYS_MODULE",
    "SYS_RAWIO",
    "SYS_CHROOT",
    "SYS_PTRACE",
    "SYS_PACCT",
    "SYS_ADMIN",
    "SYS_BOOT",
    "SYS_NICE",
    "SYS_RESOURCE",
    "SYS_TIME",
    "SYS_TTY_CONFIG",
    "MKNOD",
    "LEASE",
    "AUDIT_WRITE",
    "AUDIT_CONTROL",
    "SETFCAP",
    "MAC_OVERRIDE",
    "MAC_ADMIN",
    "SYSLOG",
    "WAKE_ALARM",
    "BLOCK_SUSPEND",
    "AUDIT_READ",
    "PERFMON",
    "BPF",
    "CHECKPOINT_RESTORE",
];

/// The names of a mask's bits in the order of their numbers; a bit this build has no name for is told by number.
pub(crate) fn names(mask: u64) -> Vec<String> {
    (0..64)
        .filter(|bit| mask & (1 << bit) != 0)
        .map(|bit| NAMES.get(bit).map_or_else(|| format!("#{bit}"), |name| (*name).to_owned()))
        .collect()
}

/// The mask with the one capability of this name, written with or without `CAP_`, in any case.
pub(crate) fn mask(name: &str) -> Option<u64> {
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("CAP_").unwrap_or(&name);
    NAMES.iter().position(|known| *known == name).map(|bit| 1 << bit)
}

#[cfg(test)]
mod tests {
    use super::{mask, names};

    #[test]
    fn names_and_bits_are_those_of_the_kernel() {
        assert_eq!(mask("CHOWN"), Some(1));
        assert_eq!(mask("cap_sys_admin"), Some(1 << 21));
        assert_eq!(mask("CHECKPOINT_RESTORE"), Some(1 << 40));
        assert_eq!(mask("ROOT"), None);
        assert_eq!(names(1 << 13 | 1 << 39 | 1 << 60), ["NET_RAW", "BPF", "#60"]);
    }
}

//! `/proc/PID/status`, see `proc_pid_status(5)`.

use porthole_protocol::kernel::Side;

use super::capabilities;

/// The fields of interest. What is missing or malformed is none, zero or empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    pub(super) name: String,
    pub(super) state: String,
    /// Its id in the namespace of whoever read the file.
    pub(super) pid: Option<u32>,
    /// Its id in its own namespace.
    pub(super) innermost_pid: Option<u32>,
    pub(super) effective_uid: Option<u32>,
    pub(super) rss_bytes: u64,
    cap_effective: u64,
    cap_bounding: u64,
    no_new_privs: bool,
    seccomp_mode: u8,
    seccomp_filters: u32,
}

impl Status {
    pub(super) fn parse(text: &str) -> Self {
        let mut status = Self::default();
        for (key, value) in text.lines().filter_map(|line| line.split_once(':')) {
            let value = value.trim();
            let mut words = value.split_ascii_whitespace();
            match key {
                "Name" => value.clone_into(&mut status.name),
                "State" => words.next().unwrap_or_default().clone_into(&mut status.state),
                "Pid" => status.pid = value.parse().ok(),
                "NSpid" => status.innermost_pid = words.next_back().and_then(|pid| pid.parse().ok()),
                "Uid" => status.effective_uid = words.nth(1).and_then(|uid| uid.parse().ok()),
                "VmRSS" => status.rss_bytes = words.next().and_then(kibibytes).unwrap_or(0),
                "CapEff" => status.cap_effective = mask(value),
                "CapBnd" => status.cap_bounding = mask(value),
                "NoNewPrivs" => status.no_new_privs = value == "1",
                "Seccomp" => status.seccomp_mode = value.parse().unwrap_or(0),
                "Seccomp_filters" => status.seccomp_filters = value.parse().unwrap_or(0),
                _ => {}
            }
        }
        status
    }

    /// The part of a [`Side`] that a process's status tells; everything else is empty.
    pub(super) fn privileges(&self) -> Side {
        Side {
            cap_effective: capabilities::names(self.cap_effective),
            cap_bounding: capabilities::names(self.cap_bounding),
            no_new_privs: self.no_new_privs,
            seccomp_mode: self.seccomp_mode,
            seccomp_filters: self.seccomp_filters,
            ..Side::default()
        }
    }
}

fn mask(hex: &str) -> u64 {
    u64::from_str_radix(hex, 16).unwrap_or(0)
}

fn kibibytes(text: &str) -> Option<u64> {
    text.parse::<u64>().ok()?.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::Status;
    use proptest::prelude::*;

    const TEXT: &str = "Name:\tsh\nUmask:\t0022\nState:\tS (sleeping)\nPid:\t4711\nPPid:\t4700\nUid:\t589824\t589825\t589824\t589824\n\
        NSpid:\t4711\t2\nVmRSS:\t     912 kB\nCapEff:\t00000000a80425fb\nCapBnd:\t00000000a80425fb\nNoNewPrivs:\t1\n\
        Seccomp:\t2\nSeccomp_filters:\t1\n";

    #[test]
    fn a_status_is_read() {
        let status = Status::parse(TEXT);
        assert_eq!((status.name.as_str(), status.state.as_str()), ("sh", "S"));
        assert_eq!((status.pid, status.innermost_pid), (Some(4711), Some(2)));
        assert_eq!((status.effective_uid, status.rss_bytes), (Some(589_825), 912 * 1024));
        let side = status.privileges();
        assert_eq!(side.cap_effective.len(), 14);
        assert!(side.cap_bounding.contains(&"MKNOD".to_owned()));
        assert_eq!((side.no_new_privs, side.seccomp_mode, side.seccomp_filters), (true, 2, 1));
    }

    #[test]
    fn a_name_may_look_like_a_field() {
        // The kernel escapes a newline in a name, so a name cannot begin a line.
        let status = Status::parse("Name:\tx\\nCapEff:\tffff\nPid:\t1\n");
        assert_eq!((status.name.as_str(), status.pid), ("x\\nCapEff:\tffff", Some(1)));
        assert!(status.privileges().cap_effective.is_empty());
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(?s).{0,300}", key in "Pid|Uid|NSpid|VmRSS|CapEff|State", value in ".{0,30}") {
            Status::parse(&text);
            Status::parse(&format!("{key}:{value}"));
        }
    }
}

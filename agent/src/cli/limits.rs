//! Limits as options: those that `update` changes as well, and those that a start fixes.

use clap::Args;
use porthole_protocol::spec::Limits;

use super::units;

/// Limits that a container can be given at its start and later.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitArgs {
    /// Limit memory, swap included, such as 256m or 1.5g.
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub memory: Option<u64>,
    /// Limit CPU time, in CPUs, such as 0.5.
    #[arg(long, value_name = "CPUS", value_parser = units::parse_cpus)]
    pub cpus: Option<u32>,
    /// Let it run on these CPUs alone, such as 0-1,3.
    #[arg(long, value_name = "LIST")]
    pub cpuset_cpus: Option<String>,
    /// Limit the number of processes and threads.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..))]
    pub pids: Option<u32>,
    /// Limit what is read from disk in a second, and as much what is written, such as 20m.
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub io: Option<u64>,
    /// Stop it after this time, such as 2h or 90s; 0 for never.
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    pub lifetime: Option<u64>,
    /// Stop it after this time without a client and without input; 0 for never.
    #[arg(long, value_name = "TIME", value_parser = units::parse_duration)]
    pub idle: Option<u64>,
}

impl LimitArgs {
    /// As the agent is asked for them.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            memory_bytes: self.memory,
            cpu_millis: self.cpus,
            pids: self.pids,
            cpuset: self.cpuset_cpus.clone(),
            io_bytes_per_second: self.io,
            lifetime_ms: self.lifetime,
            idle_ms: self.idle,
            ..Limits::default()
        }
    }
}

/// All of them.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Limits")]
pub struct LaunchLimitArgs {
    #[command(flatten)]
    pub live: LimitArgs,
    /// Limit what it writes into its root file system, such as 1g.
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub disk: Option<u64>,
    /// Limit the number of files, directories and links that it makes there.
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    pub disk_files: Option<u64>,
    /// Size of /dev/shm, such as 64m.
    #[arg(long, value_name = "SIZE", value_parser = units::parse_bytes)]
    pub shm_size: Option<u64>,
}

impl LaunchLimitArgs {
    /// As the agent is asked for them.
    pub(super) fn limits(&self) -> Limits {
        Limits {
            disk_bytes: self.disk,
            disk_inodes: self.disk_files,
            shm_bytes: self.shm_size,
            ..self.live.limits()
        }
    }
}

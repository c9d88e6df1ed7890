//! Which limits a container gets: what was asked for, else the default, and never more than the most.

use porthole_launcher::wire;
use porthole_protocol::spec::Limits;

use super::ContainerError;
use crate::cli::units::{human_age, human_bytes};

/// Memory of a container that asks for none, in bytes: a shell with a compiler fits, and twenty that use it up fit a laptop.
const DEFAULT_MEMORY: u64 = 256 * 1024 * 1024;

/// Least memory, in bytes, as Docker: below it the kernel kills the first process before it says a word.
const MIN_MEMORY: u64 = 6 * 1024 * 1024;

/// Most memory, in bytes: what the launcher takes.
const MAX_MEMORY: u64 = 1 << 40;

/// CPU time of a container that asks for none, in thousandths of one CPU: one person's shell needs no second one, and of two
/// CPUs one is left whatever it does.
const DEFAULT_CPU_MILLIS: u32 = 1000;

/// Least CPU time: 1 ms in each period of 100 ms, the smallest quota the kernel takes (`cpu.cfs_quota_us`).
const MIN_CPU_MILLIS: u32 = 10;

/// Most CPU time: more CPUs than any host has; what the launcher takes.
const MAX_CPU_MILLIS: u32 = 1_024_000;

/// Processes and threads of a container that asks for no limit: enough for `make -j` and far from what a fork bomb needs.
const DEFAULT_PIDS: u32 = 128;

/// Fewest processes: process 1, the first process, and a child or two of it.
const MIN_PIDS: u32 = 4;

/// Most processes (`PID_MAX_LIMIT`, see `proc_sys_kernel(5)`).
const MAX_PIDS: u32 = 4_194_304;

/// Least bytes of I/O in a second: below it a program does not even load.
const MIN_IO: u64 = 1024 * 1024;

/// Bytes on disk of a container that asks for no limit: an `apt install` of a compiler fits.
const DEFAULT_DISK: u64 = 1024 * 1024 * 1024;

/// Files, directories and links of a container that asks for no limit: one for each 16 KiB, as `mkfs.ext4` reckons.
const DEFAULT_INODES: u64 = 65_536;

/// Bytes of `/dev/shm` of a container that asks for no limit, as Docker.
const DEFAULT_SHM: u64 = 64 * 1024 * 1024;

/// Least limit in time, in milliseconds: a start takes some.
const MIN_TIME: u64 = 1000;

/// What containers get that ask for nothing, and the most that any gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    defaults: Limits,
    most: Limits,
}

impl Bounds {
    /// Those of a configuration; what it does not say is as safe as a laptop of two CPUs needs it.
    pub(crate) fn new(defaults: Limits, most: Limits) -> Self {
        let built_in = Limits {
            memory_bytes: Some(DEFAULT_MEMORY),
            cpu_millis: Some(DEFAULT_CPU_MILLIS),
            pids: Some(DEFAULT_PIDS),
            disk_bytes: Some(DEFAULT_DISK),
            disk_inodes: Some(DEFAULT_INODES),
            shm_bytes: Some(DEFAULT_SHM),
            ..Limits::default()
        };
        // What a container gets unasked is never more than what it may ask for, and has an end where there must be one.
        let times = |own: Option<u64>, most: Option<u64>| {
            least(own.filter(|own| *own > 0), most.filter(|most| *most > 0))
        };
        let own = overlaid(&built_in, &defaults);
        let defaults = Limits {
            memory_bytes: least(own.memory_bytes, most.memory_bytes),
            cpu_millis: least(own.cpu_millis, most.cpu_millis),
            pids: least(own.pids, most.pids),
            cpuset: own.cpuset.or(most.cpuset.clone()),
            io_bytes_per_second: least(own.io_bytes_per_second, most.io_bytes_per_second),
            disk_bytes: least(own.disk_bytes, most.disk_bytes),
            disk_inodes: least(own.disk_inodes, most.disk_inodes),
            shm_bytes: least(own.shm_bytes, most.shm_bytes),
            lifetime_ms: times(own.lifetime_ms, most.lifetime_ms),
            idle_ms: times(own.idle_ms, most.idle_ms),
        };
        Self { defaults, most }
    }

    /// Those of visitors: where there is no most, it is what a container gets unasked.
    pub(crate) fn for_strangers(&self) -> Self {
        Self { defaults: self.defaults.clone(), most: overlaid(&self.defaults, &self.most) }
    }

    /// What a container gets that asks for nothing.
    pub(crate) fn defaults(&self) -> &Limits {
        &self.defaults
    }

    /// The most that any gets.
    pub(crate) fn most(&self) -> &Limits {
        &self.most
    }

    /// The limits of a container that asks for these; those in time that never come are missing.
    ///
    /// # Errors
    /// [`ContainerError::BadRequest`], whose sentence names the bound.
    pub(crate) fn settle(&self, asked: &Limits) -> Result<Limits, ContainerError> {
        let limits = overlaid(&self.defaults, asked);
        self.check(&limits)?;
        let lasting = |time: Option<u64>| time.filter(|time| *time > 0);
        Ok(Limits { lifetime_ms: lasting(limits.lifetime_ms), idle_ms: lasting(limits.idle_ms), ..limits })
    }

    /// The limits of a container with `current` ones when these are asked for.
    ///
    /// # Errors
    /// As [`Bounds::settle`]; also for those that its start has fixed.
    pub(crate) fn change(&self, current: &Limits, asked: &Limits) -> Result<Limits, ContainerError> {
        let fixed = [asked.disk_bytes, asked.disk_inodes, asked.shm_bytes];
        if fixed.iter().any(Option::is_some) {
            return Err(bad("The disk, its files and /dev/shm keep the limits that they had at the start."));
        }
        if *asked == Limits::default() {
            return Err(bad("There is no limit to change."));
        }
        self.settle(&overlaid(current, asked))
    }

    fn check(&self, limits: &Limits) -> Result<(), ContainerError> {
        let most = &self.most;
        within("memory", limits.memory_bytes, MIN_MEMORY, most.memory_bytes, MAX_MEMORY, human_bytes)?;
        let cpus = |millis: u64| format!("{}.{:03} CPUs", millis / 1000, millis % 1000);
        let (wide, widest) = (limits.cpu_millis.map(u64::from), most.cpu_millis.map(u64::from));
        within("CPU time", wide, MIN_CPU_MILLIS.into(), widest, MAX_CPU_MILLIS.into(), cpus)?;
        let (wide, widest) = (limits.pids.map(u64::from), most.pids.map(u64::from));
        within("processes", wide, MIN_PIDS.into(), widest, MAX_PIDS.into(), |pids| pids.to_string())?;
        let io = limits.io_bytes_per_second;
        within("I/O in a second", io, MIN_IO, most.io_bytes_per_second, u64::MAX, human_bytes)?;
        within("disk", limits.disk_bytes, 0, most.disk_bytes, u64::MAX, human_bytes)?;
        within("files", limits.disk_inodes, 0, most.disk_inodes, u64::MAX, |files| files.to_string())?;
        within("/dev/shm", limits.shm_bytes, 0, most.shm_bytes, u64::MAX, human_bytes)?;
        time("lifetime", limits.lifetime_ms, most.lifetime_ms)?;
        time("idle time", limits.idle_ms, most.idle_ms)
    }
}

/// The smaller one, or the one there is.
fn least<T: Ord>(own: Option<T>, most: Option<T>) -> Option<T> {
    own.into_iter().chain(most).min()
}

/// `base` with what `asked` names in its place.
fn overlaid(base: &Limits, asked: &Limits) -> Limits {
    Limits {
        memory_bytes: asked.memory_bytes.or(base.memory_bytes),
        cpu_millis: asked.cpu_millis.or(base.cpu_millis),
        pids: asked.pids.or(base.pids),
        cpuset: asked.cpuset.clone().or_else(|| base.cpuset.clone()),
        io_bytes_per_second: asked.io_bytes_per_second.or(base.io_bytes_per_second),
        disk_bytes: asked.disk_bytes.or(base.disk_bytes),
        disk_inodes: asked.disk_inodes.or(base.disk_inodes),
        shm_bytes: asked.shm_bytes.or(base.shm_bytes),
        lifetime_ms: asked.lifetime_ms.or(base.lifetime_ms),
        idle_ms: asked.idle_ms.or(base.idle_ms),
    }
}

fn within(
    what: &str,
    value: Option<u64>,
    least: u64,
    allowed: Option<u64>,
    most: u64,
    shown: impl Fn(u64) -> String,
) -> Result<(), ContainerError> {
    let Some(value) = value else { return Ok(()) };
    if value < least {
        return Err(bad(format!("The limit of {what} is at least {}.", shown(least))));
    }
    if let Some(allowed) = allowed.filter(|allowed| value > *allowed) {
        return Err(bad(format!("This agent gives a container at most {} of {what}.", shown(allowed))));
    }
    if value > most {
        return Err(bad(format!("The limit of {what} is at most {}.", shown(most))));
    }
    Ok(())
}

/// A limit in time, where 0 is never.
fn time(what: &str, value: Option<u64>, allowed: Option<u64>) -> Result<(), ContainerError> {
    let endless = value.is_none_or(|value| value == 0);
    if let Some(allowed) = allowed.filter(|allowed| *allowed > 0 && (endless || value > Some(*allowed))) {
        return Err(bad(format!("This agent gives a container a {what} of at most {}.", human_age(allowed))));
    }
    if !endless && value < Some(MIN_TIME) {
        return Err(bad(format!("A {what} is at least a second, or 0 for none.")));
    }
    Ok(())
}

/// Settled limits as the launcher is asked for them.
pub(super) fn for_launcher(limits: &Limits) -> wire::Limits {
    wire::Limits {
        memory_bytes: limits.memory_bytes.unwrap_or(DEFAULT_MEMORY),
        cpu_millis: limits.cpu_millis.unwrap_or(DEFAULT_CPU_MILLIS),
        pids: limits.pids.unwrap_or(DEFAULT_PIDS),
        cpuset: limits.cpuset.clone(),
        io_bytes_per_second: limits.io_bytes_per_second,
        disk_bytes: limits.disk_bytes.unwrap_or(DEFAULT_DISK),
        disk_inodes: limits.disk_inodes.unwrap_or(DEFAULT_INODES),
        shm_bytes: limits.shm_bytes.unwrap_or(DEFAULT_SHM),
    }
}

fn bad(sentence: impl Into<String>) -> ContainerError {
    ContainerError::BadRequest(sentence.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain() -> Bounds {
        Bounds::new(Limits::default(), Limits::default())
    }

    #[test]
    fn every_limit_has_a_default_and_bounds() {
        let default = plain().settle(&Limits::default()).unwrap();
        assert_eq!(
            (default.memory_bytes, default.cpu_millis, default.pids),
            (Some(256 << 20), Some(1000), Some(128))
        );
        assert_eq!((default.lifetime_ms, default.idle_ms), (None, None));
        let asked =
            Limits { memory_bytes: Some(6 << 20), cpu_millis: Some(10), pids: Some(4), ..Limits::default() };
        let given = for_launcher(&plain().settle(&asked).unwrap());
        assert_eq!((given.memory_bytes, given.cpu_millis, given.pids), (6 << 20, 10, 4));
        for absurd in [
            Limits { memory_bytes: Some((6 << 20) - 1), ..asked.clone() },
            Limits { memory_bytes: Some(u64::MAX), ..asked.clone() },
            Limits { cpu_millis: Some(9), ..asked.clone() },
            Limits { cpu_millis: Some(u32::MAX), ..asked.clone() },
            Limits { pids: Some(3), ..asked.clone() },
            Limits { pids: Some(u32::MAX), ..asked.clone() },
            Limits { io_bytes_per_second: Some(1), ..asked.clone() },
            Limits { lifetime_ms: Some(1), ..asked.clone() },
        ] {
            assert!(plain().settle(&absurd).is_err(), "{absurd:?}");
        }
    }

    #[test]
    fn what_is_more_than_the_most_is_refused_by_a_sentence_that_names_it() {
        let most = Limits {
            memory_bytes: Some(1 << 30),
            cpu_millis: Some(1500),
            lifetime_ms: Some(7_200_000),
            ..Limits::default()
        };
        let bounds = Bounds::new(Limits { lifetime_ms: Some(0), ..Limits::default() }, most);
        assert_eq!(bounds.settle(&Limits::default()).unwrap().lifetime_ms, Some(7_200_000));
        for (asked, words) in [
            (Limits { memory_bytes: Some(2 << 30), ..Limits::default() }, "at most 1.0 GiB of memory"),
            (Limits { cpu_millis: Some(2000), ..Limits::default() }, "at most 1.500 CPUs of CPU time"),
            (Limits { lifetime_ms: Some(7_200_001), ..Limits::default() }, "lifetime of at most 2 hours"),
            (Limits { lifetime_ms: Some(0), ..Limits::default() }, "lifetime of at most 2 hours"),
        ] {
            let sentence = bounds.settle(&asked).unwrap_err().to_string();
            assert!(sentence.contains(words), "{sentence}");
        }
    }

    #[test]
    fn a_change_keeps_what_it_does_not_name_and_what_the_start_has_fixed() {
        let bounds = plain();
        let current =
            bounds.settle(&Limits { pids: Some(9), idle_ms: Some(5000), ..Limits::default() }).unwrap();
        let asked = Limits { memory_bytes: Some(64 << 20), idle_ms: Some(0), ..Limits::default() };
        let changed = bounds.change(&current, &asked).unwrap();
        assert_eq!((changed.memory_bytes, changed.pids, changed.idle_ms), (Some(64 << 20), Some(9), None));
        for refused in [
            Limits::default(),
            Limits { disk_bytes: Some(1 << 30), ..Limits::default() },
            Limits { disk_inodes: Some(100), ..Limits::default() },
            Limits { shm_bytes: Some(1 << 20), ..Limits::default() },
        ] {
            assert!(bounds.change(&current, &refused).is_err(), "{refused:?}");
        }
    }
}

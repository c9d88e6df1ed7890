//! Changing the limits of a container that lives.

use std::io;

use rustix::io::Errno;

use super::answers::no_container;
use super::{Engine, failure};
use crate::cgroup::Cgroups;
use crate::plan::{Hierarchy, Host, Setting, settings};
use crate::wire::{Failure, FailureKind, Limits, Reply};

/// The file of version 2 that kills at once where its value is below the use; that of version 1 refuses instead.
const KILLING: &str = "memory.max";

/// Above it, version 2 reclaims and slows down, and kills nobody.
const SLOWING: &str = "memory.high";

impl Engine {
    /// Gives a container these limits, of which those stay what they are that its start has fixed, and keeps `label`. Where the limits
    /// are what they were, it need not run.
    ///
    /// # Errors
    /// A limit that cannot be had here, or that the kernel refuses; all are what they were then.
    pub(crate) fn update(&mut self, id: &str, asked: Limits, label: Vec<u8>) -> Result<Reply, Failure> {
        let container = self.containers.get(id).ok_or_else(|| no_container(id))?;
        let old = container.limits.clone();
        let new = Limits {
            disk_bytes: old.disk_bytes,
            disk_inodes: old.disk_inodes,
            shm_bytes: old.shm_bytes,
            ..asked
        };
        if new == old {
            // The label alone, which one that has ended keeps as well.
            self.container(id)?.label = label;
            return Ok(Reply::Done);
        }
        container.running()?;
        self.require_limits(&new)?;
        let joins = self.host.hierarchies.iter().any(|h| h.serves(&new) && !h.serves(&old));
        // Who makes processes all the time would be ahead of those who move them.
        let _still = (joins && container.frozen.is_none()).then(|| self.cgroups.freeze(id));
        let own_disk = self.own_disk(&container.disk);
        let mut written = Vec::new();
        for hierarchy in self.host.hierarchies.iter().filter(|hierarchy| hierarchy.serves(&new)) {
            let change = Change {
                host: &self.host,
                cgroups: &self.cgroups,
                container: id,
                hierarchy: &hierarchy.name,
                own_disk: own_disk.as_deref(),
            };
            let before = settings(&old, hierarchy, &self.host);
            let mut after = settings(&new, hierarchy, &self.host);
            after.retain(|setting| !before.contains(setting));
            if new.memory_bytes > old.memory_bytes {
                // The larger one first: memory may never exceed memory and swap.
                after.reverse();
            }
            if let Err(refused) = change.make(hierarchy, &old, after, &before, &mut written) {
                // In reverse, each is accepted as it was before.
                for (hierarchy, (file, value)) in written.into_iter().rev() {
                    let _ = self.cgroups.limit(hierarchy, id, (&file, &value), own_disk.as_deref());
                }
                return Err(refused);
            }
        }
        let container = self.container(id)?;
        container.limits = new;
        container.label = label;
        Ok(Reply::Done)
    }

    /// Refuses limits that cannot be had here.
    pub(super) fn require_limits(&self, limits: &Limits) -> Result<(), Failure> {
        match self.host.cannot_limit(limits) {
            Some(sentence) => Err(failure(FailureKind::BadRequest, sentence)),
            None => Ok(()),
        }
    }
}

/// Settings of one container in one hierarchy.
struct Change<'a> {
    host: &'a Host,
    cgroups: &'a Cgroups,
    container: &'a str,
    hierarchy: &'a str,
    own_disk: Option<&'a str>,
}

impl<'a> Change<'a> {
    /// Writes `after`; what it has replaced is in `written`.
    fn make(
        &self,
        hierarchy: &'a Hierarchy,
        old: &Limits,
        after: Vec<Setting>,
        before: &[Setting],
        written: &mut Vec<(&'a str, Setting)>,
    ) -> Result<(), Failure> {
        let joins = !hierarchy.serves(old);
        if joins {
            match self.cgroups.make(self.hierarchy, self.container) {
                // Of an update that was refused.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                made => made.map_err(|error| refused("its group", &error))?,
            }
        }
        for (file, value) in after {
            self.write(&file, &value).map_err(|error| {
                if error.kind() == io::ErrorKind::ResourceBusy {
                    let sentence = "It uses more memory than that now.";
                    return failure(FailureKind::BadRequest, sentence);
                }
                refused(&file, &error)
            })?;
            let previous = before.iter().find(|(name, _)| *name == file).cloned();
            written
                .push((&hierarchy.name, previous.unwrap_or_else(|| (file.clone(), self.host.lifted(&file)))));
        }
        if joins {
            self.cgroups.gather(self.hierarchy, self.container).map_err(|error| refused("tasks", &error))?;
        }
        Ok(())
    }

    fn write(&self, file: &str, value: &str) -> io::Result<()> {
        let set = |file: &str, value: &str| {
            self.cgroups.limit(self.hierarchy, self.container, (file, value), self.own_disk)
        };
        if file != KILLING {
            return set(file, value);
        }
        set(SLOWING, value)?;
        let fits = self.cgroups.memory_fits(self.hierarchy, self.container, value);
        let limited = if fits { set(KILLING, value) } else { Err(io::ErrorKind::ResourceBusy.into()) };
        set(SLOWING, "max")?;
        limited
    }
}

fn refused(file: &str, error: &io::Error) -> Failure {
    match Errno::from_io_error(error) {
        Some(Errno::INVAL | Errno::RANGE | Errno::OVERFLOW) => {
            failure(FailureKind::BadRequest, format!("The kernel takes no such value for {file}."))
        }
        _ => super::refused(format_args!("The kernel refused {file}"), error),
    }
}

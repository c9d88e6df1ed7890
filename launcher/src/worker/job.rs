//! A job of the agent's on what images and containers consist of.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use super::WorkFn;
use super::jail::{Died, Jail, Prisoner};
use crate::engine::{failure, refused};
use crate::wire::{Failure, FailureKind};

/// A job that is being done.
#[derive(Debug)]
pub(crate) struct Job {
    worker: Prisoner,
}

impl Job {
    /// Starts the job that `job` describes on the jail's kept descriptors. Does not wait.
    ///
    /// # Errors
    /// `Internal` when the kernel refuses a step of the jail.
    pub(crate) fn start(jail: &Jail<'_>, job: &[u8], work: WorkFn) -> Result<Self, Failure> {
        let task = || {
            let streams = || -> io::Result<(File, File)> {
                let input = rustix::stdio::stdin().try_clone_to_owned()?;
                Ok((input.into(), rustix::stdio::stdout().try_clone_to_owned()?.into()))
            };
            let (input, output) = streams().map_err(|error| internal(&error))?;
            work(job, jail.kept, input, output)
        };
        Ok(Self { worker: jail.start(task).map_err(|error| internal(&error))? })
    }

    /// Readable when the worker has ended.
    pub(crate) fn pidfd(&self) -> &OwnedFd {
        &self.worker.pidfd
    }

    /// Ends the worker.
    pub(crate) fn kill(&self) {
        let _ = rustix::process::pidfd_send_signal(self.worker.pidfd.as_fd(), rustix::process::Signal::KILL);
    }

    /// Takes the result of a worker that has ended.
    ///
    /// # Errors
    /// The worker's own, or `Internal` when it died.
    pub(crate) fn finish(self) -> Result<(), Failure> {
        self.worker.outcome::<Result<(), Failure>>().unwrap_or_else(|Died| {
            let why = "The files could not be worked on within the limits of time and memory.";
            Err(failure(FailureKind::Internal, why))
        })
    }
}

impl Drop for Job {
    /// Only when it was never finished: whoever asked is gone, so what it writes is for nobody.
    fn drop(&mut self) {
        self.kill();
    }
}

fn internal(error: &io::Error) -> Failure {
    refused("The work cannot be isolated", error)
}

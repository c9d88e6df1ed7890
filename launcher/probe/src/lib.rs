//! What a process can see and do, reported by a static program from wherever it is started.
//!
//! The same report is taken inside a container and on the bare host: an assertion that holds in both shows nothing.

pub mod attempt;
pub mod report;
pub mod see;
#[cfg(target_arch = "x86_64")]
pub mod sweep;
pub mod sys;
pub mod try_out;

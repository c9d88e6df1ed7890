//! From the launcher's words on the host to those of the wire.

use porthole_launcher::wire::{Finding, HostReport};
use porthole_protocol::doctor::{Check, DoctorReport, Verdict};

/// What the launcher found, for `porthole doctor` and the page.
pub(crate) fn report(found: HostReport) -> DoctorReport {
    DoctorReport { checks: found.findings.into_iter().map(check).collect() }
}

fn check(Finding { name, verdict, found, why, fix }: Finding) -> Check {
    let verdict = match verdict {
        0 => Verdict::Works,
        1 => Verdict::Degraded,
        _ => Verdict::Missing,
    };
    Check { name, verdict, found, why, fix }
}

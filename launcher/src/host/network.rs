//! Whether containers can be given networks, tried in a network namespace of its own.

use nix::sched::{CloneFlags, unshare};

use super::attempt::attempt;
use super::{DEGRADED, fails, works};
use crate::engine::reason;
use crate::net::{self, MAX_LABS, NEEDS_ROOT, nft};
use crate::wire::Finding;

/// The finding, and the kinds of networks for [`crate::wire::HostReport::networks`].
pub(super) fn look(rootless: bool) -> (Finding, Vec<(String, bool, String)>) {
    let why =
        "The networks `nat` and lab networks: outward but never to this host, and between chosen containers.";
    let verdict = if rootless { Err(NEEDS_ROOT.to_owned()) } else { tried() };
    let kinds = ["nat", "lab"].map(|kind| {
        let text = verdict.clone().err().unwrap_or_else(|| match kind {
            "nat" => "outward; never to this host, private networks or mail servers".to_owned(),
            _ => format!("between the containers that join it; at most {MAX_LABS}"),
        });
        (kind.to_owned(), verdict.is_ok(), text)
    });
    let none = ("none".to_owned(), true, "loopback alone".to_owned());
    let finding = match verdict {
        Ok(()) => works("networks", "routes, bridges and rules can be made", why),
        Err(reason) if rootless => fails(
            "networks",
            DEGRADED,
            reason,
            why,
            "Run `porthole serve` as root where containers need a network.",
        ),
        Err(reason) => fails(
            "networks",
            DEGRADED,
            reason,
            why,
            "`apt-get install nftables`; and a kernel with veth, bridge and nf_tables.",
        ),
    };
    (finding, [none].into_iter().chain(kinds).collect())
}

fn tried() -> Result<(), String> {
    if !nft::is_there() {
        return Err(nft::MISSING.to_owned());
    }
    let made = attempt(|| {
        unshare(CloneFlags::CLONE_NEWNET)?;
        net::attempt()
    });
    made.map_err(|error| format!("the kernel cannot do it: {}", reason(&error)))
}

//! What a launch may ask of this agent, for the page and for programs.

use porthole_launcher::wire::HostReport;
use porthole_protocol::http::{Offer, Offers};

use crate::container::limits::Bounds;

/// The offers of a host, found out by the launcher at its start, within what the agent was configured to give.
pub(crate) fn of(host: &HostReport, bounds: &Bounds) -> Offers {
    let offers = |list: &[(String, bool, String)]| {
        let offer = |(name, usable, note): &(String, bool, String)| Offer {
            name: name.clone(),
            usable: *usable,
            note: note.clone(),
        };
        list.iter().map(offer).collect()
    };
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    Offers {
        engines: offers(&host.engines),
        networks: offers(&host.networks),
        disk: host.disk.clone(),
        cpus: u32::try_from(cpus).unwrap_or(u32::MAX),
        defaults: bounds.defaults().clone(),
        most: bounds.most().clone(),
    }
}

//! The steps that put a container into networks: the launcher's, while process 1 builds the root file system.

use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use super::Action;
use crate::wire::Address;

/// A network that a container joins, and as what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Join {
    /// Its place in there.
    pub address: Address,
    /// The router's address: where names are asked for and, of a network that leads outward, the gateway.
    pub router: Ipv4Addr,
    /// The lab network's number; none for the network that leads outward.
    pub lab: Option<u8>,
    /// Number of the interface in the router's namespace, which is also in its name.
    pub index: u32,
    /// The same in the container's.
    pub inside: u32,
}

impl Join {
    /// The name of the router's end.
    #[must_use]
    pub fn link(&self) -> String {
        format!("{}{}", if self.lab.is_some() { "p" } else { "n" }, self.index)
    }

    /// The link-layer address of the container's end, made of its address.
    #[must_use]
    pub fn hardware(&self) -> [u8; 6] {
        hardware(self.address.address)
    }
}

/// A locally administered link-layer address that holds an address.
pub(crate) fn hardware(address: Ipv4Addr) -> [u8; 6] {
    let [a, b, c, d] = address.octets();
    [0x02, 0x70, a, b, c, d]
}

/// Name of a lab's bridge.
pub(crate) fn bridge(lab: u8) -> String {
    format!("lab{lab}")
}

/// The steps of joining all of them.
pub(crate) fn actions(joins: &[Join]) -> Vec<Action> {
    let opened = (!joins.is_empty()).then_some(Action::OpenNetwork);
    let each = joins.iter().flat_map(|join| {
        let join = || Box::new(join.clone());
        let known = if join().lab.is_some() {
            Action::BindPort { join: join() }
        } else {
            Action::RouteTo { join: join() }
        };
        [Action::MakeLink { join: join() }, known, Action::SetAddress { join: join() }]
    });
    opened.into_iter().chain(each).collect()
}

/// Where the container asks for names: the network that leads outward knows the most.
pub(super) fn name_server(joins: &[Join]) -> Option<Ipv4Addr> {
    joins.iter().min_by_key(|join| join.lab.is_some()).map(|join| join.router)
}

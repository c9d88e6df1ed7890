//! Networks of containers: all of them meet in one network namespace, the router, which holds nothing else.
//!
//! It is made when the first container wants a network, and held by descriptors alone: when the launcher dies, the kernel takes
//! everything in it away. What the host's own namespace gets is in [`uplink`].

mod connections;
mod links;
mod netlink;
pub(crate) mod nft;
mod pool;
mod router;
mod sysctl;
mod uplink;
pub(crate) mod visit;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

use crate::engine::{failure, refused};
use crate::plan::network::{bridge, hardware};
use crate::plan::{Action, Join};
use crate::wire::{Address, Failure, FailureKind, NAT};
use netlink::Netlink;
use pool::{Full, Pool};
use router::Router;
use uplink::Names;

pub(crate) use pool::MAX_LABS;

/// Numbers of interfaces, chosen by us so that nobody has to ask for them: ports of containers begin with these in the router,
/// and within a container.
const FIRST_PORT: u32 = 1000;
const FIRST_INSIDE: u32 = 100;

/// Numbers of the labs' bridges in the router come after this.
const BRIDGES: u32 = 100;

/// All networks.
#[derive(Debug)]
pub(crate) struct Net {
    /// The host's network namespace; none when this launcher could not return to it.
    home: Option<OwnedFd>,
    names: Names,
    router: Option<Router>,
    pool: Pool,
    next_port: u32,
    /// What each container has joined.
    joined: BTreeMap<String, Vec<Join>>,
    /// Labs whose bridges have been made.
    bridges: BTreeSet<u8>,
}

/// A container's network namespace, opened to be set up.
#[derive(Debug)]
pub(crate) struct Inside {
    netns: OwnedFd,
    route: Netlink,
}

impl Inside {
    pub(crate) fn netns(&self) -> BorrowedFd<'_> {
        self.netns.as_fd()
    }
}

impl Net {
    /// No network yet. Takes back what a launcher of the same state directory has left that was killed.
    pub(crate) fn new(state: &Path, rootless: bool) -> io::Result<Self> {
        let names = Names::of(state);
        if !rootless {
            uplink::sweep(&names);
        }
        Ok(Self {
            home: if rootless { None } else { Some(visit::here()?) },
            names,
            router: None,
            pool: Pool::default(),
            next_port: FIRST_PORT,
            joined: BTreeMap::new(),
            bridges: BTreeSet::new(),
        })
    }

    /// What a container that joins `networks` would be in them, without doing anything: the numbers are examples.
    pub(crate) fn foresee(&self, networks: &[String]) -> Result<Vec<Join>, Failure> {
        let mut pool = Pool::default();
        joins(&mut pool, FIRST_PORT, networks).map_err(|(full, _)| no_room(full))
    }

    /// Takes addresses in `networks` for a container, until [`Net::release`].
    ///
    /// # Errors
    /// `Unsupported` when this host cannot have networks; `TooMany`.
    pub(crate) fn reserve(&mut self, container: &str, networks: &[String]) -> Result<Vec<Join>, Failure> {
        if networks.is_empty() {
            return Ok(Vec::new());
        }
        self.router()?;
        match joins(&mut self.pool, self.next_port, networks) {
            Ok(joins) => {
                self.next_port = self.next_port.checked_add(4).filter(|n| *n < 1 << 30).unwrap_or(FIRST_PORT);
                self.joined.insert(container.to_owned(), joins.clone());
                Ok(joins)
            }
            Err((full, taken)) => {
                self.give_back(&taken);
                Err(no_room(full))
            }
        }
    }

    /// Makes a network namespace for a container that is not there yet. It belongs to the host's root, and nobody inside has any
    /// right to it.
    ///
    /// # Errors
    /// As `unshare(2)` and `socket(2)`.
    pub(crate) fn make(&self) -> io::Result<Inside> {
        const LOOPBACK: u32 = 1;
        let home = self.home.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let inside = self.open(visit::within_new(home, visit::here)?)?;
        inside.route.ask(&[links::up(LOOPBACK)])?;
        Ok(inside)
    }

    /// Opens the network namespace of a container that has nothing in it yet but its loopback.
    ///
    /// # Errors
    /// As `setns(2)` and `socket(2)`.
    pub(crate) fn open(&self, netns: OwnedFd) -> io::Result<Inside> {
        let home = self.home.as_ref().ok_or(io::ErrorKind::Unsupported)?;
        let route = visit::within(netns.as_fd(), home, || {
            sysctl::write_if_there("ipv6/conf/default/disable_ipv6", "1")?;
            // Whose way is whose is for the router alone to say.
            sysctl::write("ipv4/conf/all/accept_redirects", "0")?;
            sysctl::write("ipv4/conf/default/accept_redirects", "0")?;
            Netlink::route()
        })?;
        Ok(Inside { netns, route })
    }

    /// Takes one step of joining.
    ///
    /// # Errors
    /// The kernel's.
    pub(crate) fn perform(&mut self, action: &Action, inside: &Inside) -> io::Result<()> {
        let router = self.router.as_ref().ok_or(io::ErrorKind::InvalidInput)?;
        match action {
            Action::MakeLink { join } => {
                if let Some(lab) = join.lab
                    && self.bridges.insert(lab)
                {
                    let home = self.home.as_ref().ok_or(io::ErrorKind::Unsupported)?;
                    router.make_bridge(home, &bridge(lab), BRIDGES + u32::from(lab), pool::bridge(lab))?;
                }
                router.make_link(join, join.lab.map(|lab| BRIDGES + u32::from(lab)), inside.netns.as_fd())
            }
            Action::RouteTo { join } => router.route_to(join),
            Action::BindPort { join } => router.bind_port(join),
            Action::SetAddress { join } => {
                let Address { address, prefix, .. } = join.address;
                let mut messages = vec![links::address(join.inside, address, prefix), links::up(join.inside)];
                if join.lab.is_none() {
                    messages.push(links::default_route(join.router, join.inside));
                }
                inside.route.ask(&messages)
            }
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// A container is gone: its network namespace has no process any more, and the kernel takes its interfaces away.
    pub(crate) fn release(&mut self, container: &str) {
        if let Some(joins) = self.joined.remove(container) {
            if let Some(router) = &self.router {
                joins.iter().for_each(|join| router.forget(join));
            }
            self.give_back(&joins);
        }
    }

    fn give_back(&mut self, joins: &[Join]) {
        for join in joins {
            let emptied = self.pool.give_back(&join.address.network, join.address.address);
            if let Some(lab) = emptied.filter(|lab| self.bridges.remove(lab))
                && let Some(router) = &self.router
            {
                router.remove_bridge(&bridge(lab));
            }
        }
    }

    /// The sockets that containers ask for names at: a UDP one, then a listening TCP one.
    ///
    /// # Errors
    /// `Unsupported` when this host cannot have networks; `TooMany` open files.
    pub(crate) fn resolver(&mut self) -> Result<Vec<OwnedFd>, Failure> {
        let copies: io::Result<Vec<_>> = self.router()?.resolver.iter().map(OwnedFd::try_clone).collect();
        copies.map_err(|error| refused("The resolver has no socket", &error))
    }

    fn router(&mut self) -> Result<&Router, Failure> {
        let unsupported = |why: &str| {
            failure(FailureKind::Unsupported, format!("Containers cannot join a network here: {why}."))
        };
        let home = self.home.as_ref().ok_or_else(|| unsupported(NEEDS_ROOT))?;
        if self.router.is_none() {
            let router = Router::open(home, &self.names).map_err(|error| unsupported(&error.to_string()))?;
            self.router = Some(router);
        }
        self.router.as_ref().ok_or_else(|| unsupported("there is no router"))
    }

    /// Takes back everything that the host's own namespace has got.
    pub(crate) fn close(&mut self) {
        if self.router.take().is_some() {
            uplink::take_back(&self.names);
        }
    }
}

/// Why there is none without it.
pub(crate) const NEEDS_ROOT: &str = "networks other than `none` need a launcher that runs as root";

/// Whether networks can be had, tried in the caller's own network namespace, which must be a new one.
///
/// # Errors
/// Why not.
pub(crate) fn attempt() -> io::Result<()> {
    router::attempt()
}

/// Places in all of `networks`, or those that were taken before there was no room in one.
fn joins(pool: &mut Pool, first: u32, networks: &[String]) -> Result<Vec<Join>, (Full, Vec<Join>)> {
    let mut joins: Vec<Join> = Vec::new();
    for (network, number) in networks.iter().zip(0u32..) {
        let place = if network == NAT {
            pool.take_outward().map(|address| (None, address, 32, pool::GATEWAY))
        } else {
            pool.take_member(network)
                .map(|(lab, address)| (Some(lab), address, pool::LAB_PREFIX, pool::bridge(lab)))
        };
        match place {
            Ok((lab, address, prefix, router)) => joins.push(Join {
                address: Address {
                    network: network.clone(),
                    interface: format!("eth{number}"),
                    address,
                    prefix,
                },
                router,
                lab,
                index: first + number,
                inside: FIRST_INSIDE + number,
            }),
            Err(full) => return Err((full, joins)),
        }
    }
    Ok(joins)
}

fn no_room(full: Full) -> Failure {
    let message = match full {
        Full::Outward => "All addresses of the network 'nat' are in use.".to_owned(),
        Full::Labs => format!("There are {MAX_LABS} lab networks already; one ends with its last container."),
        Full::Members => "The lab network has 253 members already.".to_owned(),
    };
    failure(FailureKind::TooMany, message)
}

//! Which addresses containers get: never one that was another's a moment ago.
//!
//! Nothing of them is seen outside the router's namespace, so that they may be the same in every launcher and collide with
//! nothing that the host can reach.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// The router's address for containers that go outward: their gateway and their name server.
pub(super) const GATEWAY: Ipv4Addr = Ipv4Addr::new(10, 213, 0, 1);

/// Address of the first container that goes outward, and how many there are.
const FIRST: u32 = Ipv4Addr::new(10, 213, 128, 1).to_bits();
const COUNT: u32 = 32_766;

/// Most lab networks at once: lab `n` is `10.213.n.0/24`.
pub(crate) const MAX_LABS: u8 = 127;

/// Length of a lab's prefix, in bits, and most members of one: the bridge has `.1`, and `.255` is for all.
pub(super) const LAB_PREFIX: u8 = 24;
const MAX_MEMBERS: u8 = 253;

/// The address of a lab's bridge: the members' name server.
pub(super) fn bridge(lab: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 213, lab, 1)
}

/// Numbers in use and the next to try, round and round: the longest unused comes first.
#[derive(Debug, Default)]
struct Ring {
    used: BTreeSet<u32>,
    next: u32,
}

impl Ring {
    fn peek(&self, count: u32) -> Option<u32> {
        (0..count).map(|n| (self.next + n) % count).find(|n| !self.used.contains(n))
    }

    fn take(&mut self, count: u32) -> Option<u32> {
        let number = self.peek(count)?;
        self.used.insert(number);
        self.next = number + 1;
        Some(number)
    }
}

/// A lab network with at least one member, or that had one.
#[derive(Debug, Default)]
struct Lab {
    number: u8,
    hosts: Ring,
}

/// All addresses.
#[derive(Debug, Default)]
pub(super) struct Pool {
    outward: Ring,
    numbers: Ring,
    labs: BTreeMap<String, Lab>,
}

/// Why there is none left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    Outward,
    Labs,
    Members,
}

impl Pool {
    /// One for a container that goes outward.
    pub(super) fn take_outward(&mut self) -> Result<Ipv4Addr, Full> {
        self.outward.take(COUNT).map(|n| Ipv4Addr::from_bits(FIRST + n)).ok_or(Full::Outward)
    }

    /// One in a lab network, which begins with its first member: its number, and whether it is new.
    pub(super) fn take_member(&mut self, lab: &str) -> Result<(u8, Ipv4Addr), Full> {
        if !self.labs.contains_key(lab) {
            let number = self.numbers.take(MAX_LABS.into()).ok_or(Full::Labs)?;
            let number = u8::try_from(number + 1).expect("there are fewer labs than that");
            self.labs.insert(lab.to_owned(), Lab { number, hosts: Ring::default() });
        }
        let lab = self.labs.get_mut(lab).expect("it is there now");
        let host = lab.hosts.take(MAX_MEMBERS.into()).ok_or(Full::Members)?;
        let host = u8::try_from(host + 2).expect("there are fewer members than that");
        Ok((lab.number, Ipv4Addr::new(10, 213, lab.number, host)))
    }

    /// Gives an address back. Answers the number of a lab that has no member left.
    pub(super) fn give_back(&mut self, network: &str, address: Ipv4Addr) -> Option<u8> {
        if network == crate::wire::NAT {
            self.outward.used.remove(&(address.to_bits().wrapping_sub(FIRST)));
            return None;
        }
        let lab = self.labs.get_mut(network)?;
        lab.hosts.used.remove(&u32::from(address.octets()[3] - 2));
        if !lab.hosts.used.is_empty() {
            return None;
        }
        let number = lab.number;
        self.labs.remove(network);
        self.numbers.used.remove(&u32::from(number - 1));
        Some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_comes_back_last_of_all() {
        let mut pool = Pool::default();
        let first = pool.take_outward().unwrap();
        assert_eq!(first, Ipv4Addr::new(10, 213, 128, 1));
        pool.give_back("nat", first);
        for _ in 1..COUNT {
            assert_ne!(pool.take_outward().unwrap(), first);
        }
        assert_eq!(pool.take_outward(), Ok(first));
        assert_eq!(pool.take_outward(), Err(Full::Outward));
    }

    #[test]
    fn a_lab_is_there_as_long_as_its_members_and_then_its_number_rests() {
        let mut pool = Pool::default();
        let (a, first) = pool.take_member("a").unwrap();
        let (same, second) = pool.take_member("a").unwrap();
        assert_eq!((a, same, first, second), (1, 1, [10, 213, 1, 2].into(), [10, 213, 1, 3].into()));
        assert_eq!(pool.take_member("b").unwrap().0, 2);
        assert_eq!(pool.give_back("a", first), None);
        assert_eq!(pool.give_back("a", second), Some(1));
        assert_eq!(pool.take_member("a").unwrap().0, 3);
    }

    #[test]
    fn labs_and_members_are_bounded() {
        let mut pool = Pool::default();
        for _ in 0..MAX_MEMBERS {
            pool.take_member("full").unwrap();
        }
        assert_eq!(pool.take_member("full"), Err(Full::Members));
        for n in 1..MAX_LABS {
            pool.take_member(&n.to_string()).unwrap();
        }
        assert_eq!(pool.take_member("one more"), Err(Full::Labs));
    }
}

//! What the agent itself knows: which container has which address, and who is in a lab with whom.

use std::net::Ipv4Addr;
use std::time::Duration;

use porthole_protocol::http::ContainerDetail;
use porthole_protocol::spec::NAT;
use tokio::time::timeout;

use super::message::Question;
use crate::container::registry::Registry;

/// How long a question from an address that nobody has waits: a container's first process may ask before the launcher's word
/// of its start has arrived.
const PATIENCE: Duration = Duration::from_secs(1);

/// What becomes of a question.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Addresses(Vec<Ipv4Addr>),
    Name(String),
    /// The name is known, and has nothing of that kind.
    Nothing,
    NoSuchName,
    /// For the host's name servers.
    AskOutside,
    /// Nobody has the address that it came from.
    Stranger,
}

/// The containers as names see them.
pub(super) struct Names {
    registry: Registry,
}

impl Names {
    pub(super) fn new(registry: Registry) -> Self {
        Self { registry }
    }

    /// Whether a container has an address.
    pub(super) fn any(&self) -> bool {
        self.registry.list().iter().any(|container| !container.view().detail.addresses.is_empty())
    }

    /// What to say to the container with the address `peer`.
    pub(super) async fn ask(&self, peer: Ipv4Addr, question: &Question) -> Answer {
        let mut changed = self.registry.subscribe();
        let known = async {
            loop {
                if let Some(answer) = answer(&self.members(), peer, question) {
                    return answer;
                }
                if changed.changed().await.is_err() {
                    return Answer::Stranger;
                }
            }
        };
        timeout(PATIENCE, known).await.unwrap_or(Answer::Stranger)
    }

    fn members(&self) -> Vec<Member> {
        let containers = self.registry.list();
        let views = containers.iter().map(crate::container::Container::view);
        views.filter(|view| view.is_running()).map(|view| Member::of(&view.detail)).collect()
    }
}

/// A running container.
#[derive(Clone, Debug)]
struct Member {
    /// What it is called by: its name first.
    names: [String; 3],
    /// Each with its network.
    addresses: Vec<(String, Ipv4Addr)>,
}

impl Member {
    fn of(detail: &ContainerDetail) -> Self {
        let address = |address: &porthole_protocol::http::Address| {
            let (text, _prefix) = address.address.split_once('/')?;
            Some((address.network.clone(), text.parse().ok()?))
        };
        let summary = &detail.summary;
        let names =
            [&summary.name, &detail.hostname, &summary.id.to_string()].map(|n| n.to_ascii_lowercase());
        Self { names, addresses: detail.addresses.iter().filter_map(address).collect() }
    }

    fn has(&self, address: Ipv4Addr) -> bool {
        self.addresses.iter().any(|(_, own)| *own == address)
    }

    /// Its addresses in labs that `other` is in as well; of itself all of them.
    fn seen_by(&self, other: &Self) -> Vec<Ipv4Addr> {
        let shared =
            |network: &str| network != NAT && other.addresses.iter().any(|(name, _)| name == network);
        let itself = self.names[2] == other.names[2];
        let seen = self.addresses.iter().filter(|(network, _)| itself || shared(network));
        seen.map(|(_, address)| *address).collect()
    }
}

/// None when nobody has the address `peer`.
fn answer(members: &[Member], peer: Ipv4Addr, question: &Question) -> Option<Answer> {
    let asking = members.iter().find(|member| member.has(peer))?;
    if let Some(address) = question.reversed().filter(|_| question.is_for_name()) {
        let seen = members.iter().find(|member| member.seen_by(asking).contains(&address));
        return Some(match seen {
            Some(member) => Answer::Name(member.names[0].clone()),
            // RFC 6303: nobody outside knows names of private addresses.
            None if address.is_private() || address.is_link_local() || !has_nat(asking) => Answer::NoSuchName,
            None => Answer::AskOutside,
        });
    }
    let called = |member: &&Member| member.names.contains(&question.name);
    let addresses: Vec<_> = members.iter().filter(called).flat_map(|member| member.seen_by(asking)).collect();
    Some(match addresses.is_empty() {
        false if question.is_for_addresses() => Answer::Addresses(addresses),
        false => Answer::Nothing,
        // A name without a dot is one of ours or nobody's.
        true if has_nat(asking) && question.name.contains('.') => Answer::AskOutside,
        true => Answer::NoSuchName,
    })
}

fn has_nat(member: &Member) -> bool {
    member.addresses.iter().any(|(network, _)| network == NAT)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, name: &str, addresses: &[(&str, [u8; 4])]) -> Member {
        let addresses = addresses.iter().map(|(network, a)| ((*network).to_owned(), (*a).into())).collect();
        Member { names: [name.to_owned(), format!("host-{name}"), id.to_owned()], addresses }
    }

    fn question(name: &str, kind: u8) -> Question {
        let mut bytes = vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.extend([0, 0, kind, 0, 1]);
        Question::read(&bytes).unwrap()
    }

    #[test]
    fn members_of_a_lab_know_each_other_and_nobody_else_does() {
        let members = [
            member("1", "web", &[("one", [10, 213, 1, 2]), ("nat", [10, 213, 128, 1])]),
            member("2", "db", &[("one", [10, 213, 1, 3]), ("two", [10, 213, 2, 2])]),
            member("3", "other", &[("two", [10, 213, 2, 3])]),
        ];
        let ask = |from: [u8; 4], name: &str, kind| answer(&members, from.into(), &question(name, kind));
        let db = Answer::Addresses(vec![[10, 213, 1, 3].into()]);
        assert_eq!(ask([10, 213, 1, 2], "db", 1), Some(db));
        assert_eq!(ask([10, 213, 128, 1], "host-DB", 28), Some(Answer::Nothing));
        assert_eq!(ask([10, 213, 1, 2], "other", 1), Some(Answer::NoSuchName));
        assert_eq!(ask([10, 213, 2, 3], "web", 1), Some(Answer::NoSuchName));
        assert_eq!(ask([10, 213, 2, 3], "example.org", 1), Some(Answer::NoSuchName), "it has no nat");
        assert_eq!(ask([10, 213, 1, 2], "example.org", 1), Some(Answer::AskOutside));
        assert_eq!(ask([10, 213, 9, 9], "db", 1), None);
        let name = |address| ask([10, 213, 1, 2], address, 12);
        assert_eq!(name("3.1.213.10.in-addr.arpa"), Some(Answer::Name("db".into())));
        assert_eq!(name("3.2.213.10.in-addr.arpa"), Some(Answer::NoSuchName));
        assert_eq!(name("9.9.9.9.in-addr.arpa"), Some(Answer::AskOutside));
    }
}

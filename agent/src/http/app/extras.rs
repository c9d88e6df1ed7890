//! What a visitor's launch may not ask for, unless the agent was told so: all that reaches beyond a container of one's own.

use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::{Offer, Offers};
use porthole_protocol::spec::{Engine, LaunchSpec, NAT};

use crate::config::Extra;
use crate::http::error::{Answer, Refusal};

/// Refuses a spec that asks for what is not in `allowed`.
///
/// # Errors
/// `forbidden`, for the first such thing.
pub(super) fn check(spec: &LaunchSpec, allowed: &[Extra]) -> Answer<()> {
    match asked(spec).find(|extra| !allowed.contains(extra)) {
        None => Ok(()),
        Some(extra) => {
            let sentence = match extra {
                Extra::Nat => "Visitors' containers do not reach the network here.",
                Extra::Labs => "Visitors' containers do not join lab networks here.",
                Extra::Publish => "Visitors' containers do not publish ports here.",
                Extra::Capabilities => "Visitors' containers get no further capabilities here.",
                Extra::NewPrivileges => "Programs in visitors' containers gain no privileges here.",
                Extra::Engines => "Visitors' containers are run by the built-in engine here.",
            };
            let hint = match extra {
                Extra::Publish => "Open the port as a preview.".to_owned(),
                _ => {
                    format!(
                        "Launch it without; the owner of this agent may allow '{}' to visitors.",
                        extra.name()
                    )
                }
            };
            Err(Refusal(WireError::new(ErrorCode::Forbidden, sentence, hint)))
        }
    }
}

/// What is offered to visitors of what is offered at all.
pub(super) fn offers(mut offers: Offers, allowed: &[Extra]) -> Offers {
    let withhold = |list: &mut Vec<Offer>, kept: &dyn Fn(&str) -> bool| {
        for offer in list.iter_mut().filter(|offer| offer.usable && !kept(&offer.name)) {
            offer.usable = false;
            offer.note = "not for visitors here".to_owned();
        }
    };
    withhold(&mut offers.engines, &|name| {
        name == Engine::Builtin.name() || allowed.contains(&Extra::Engines)
    });
    withhold(&mut offers.networks, &|name| match name {
        NAT => allowed.contains(&Extra::Nat),
        "lab" => allowed.contains(&Extra::Labs),
        _ => true,
    });
    offers
}

fn asked(spec: &LaunchSpec) -> impl Iterator<Item = Extra> {
    let LaunchSpec {
        image: _,
        name: _,
        hostname: _,
        process: _,
        // They have bounds of their own.
        limits: _,
        read_only: _,
        cap_add,
        cap_drop: _,
        remove: _,
        networks,
        publish,
        engine,
        new_privileges,
    } = spec;
    let asked = [
        (networks.iter().any(|name| name == NAT), Extra::Nat),
        (networks.iter().any(|name| name != NAT), Extra::Labs),
        (!publish.is_empty(), Extra::Publish),
        (!cap_add.is_empty(), Extra::Capabilities),
        (*new_privileges, Extra::NewPrivileges),
        (*engine != Engine::Builtin, Extra::Engines),
    ];
    asked.into_iter().filter_map(|(is_asked, extra)| is_asked.then_some(extra))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ordinary_launch_asks_for_nothing_and_each_extra_for_itself() {
        let plain = || LaunchSpec { image: "busybox".into(), read_only: true, ..LaunchSpec::default() };
        assert!(check(&plain(), &[]).is_ok());
        for (spec, extra) in [
            (LaunchSpec { networks: vec![NAT.into()], ..plain() }, Extra::Nat),
            (LaunchSpec { networks: vec!["lab".into()], ..plain() }, Extra::Labs),
            (
                LaunchSpec {
                    publish: vec![porthole_protocol::spec::Publish { port: 80, host_port: None }],
                    ..plain()
                },
                Extra::Publish,
            ),
            (LaunchSpec { cap_add: vec!["NET_RAW".into()], ..plain() }, Extra::Capabilities),
            (LaunchSpec { new_privileges: true, ..plain() }, Extra::NewPrivileges),
            (LaunchSpec { engine: Engine::Runc, ..plain() }, Extra::Engines),
        ] {
            assert_eq!(check(&spec, &[]).unwrap_err().0.code, ErrorCode::Forbidden, "{extra:?}");
            assert!(check(&spec, &[extra]).is_ok(), "{extra:?}");
        }
    }
}

//! The plan: the ordered kernel steps that make a container, as a plain value computed by a pure function.
//!
//! `porthole plan` prints it, the launcher executes exactly it, and each executed step keeps its own duration. The
//! children interpret their part of it between `clone` and `execve`, so a step holds everything as the kernel wants it.

mod bundle;
mod host;
mod limits;
pub(crate) mod network;
mod process;
mod root;
mod step;
mod words;

pub(crate) use bundle::{Bundle, bundle_steps, process_bundle_steps};
pub use host::{Hierarchy, Host, Ids, Storage};
pub(crate) use limits::{Setting, Weight, settings};
pub use network::Join;
pub use process::process_steps;
pub use step::{Action, Actor, Step};

use crate::wire::{LaunchRequest, Limits, Stdio};

/// Namespaces that every container gets with its first process: all but the cgroup namespace, whose root is the cgroup
/// its creator is in and so must come after joining that.
const NAMESPACES: [&str; 6] = ["NEWUSER", "NEWNS", "NEWPID", "NEWNET", "NEWIPC", "NEWUTS"];

/// The steps of one launch, and what this host cannot provide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// In the order of a single thread; those of different actors overlap.
    pub steps: Vec<Step>,
    /// One sentence each.
    pub lacks: Vec<String>,
}

/// What it takes to create the container of `request`, which has been validated, on `host` with the ids `ids`, in the
/// networks `joins`.
#[must_use]
pub fn plan(request: &LaunchRequest, host: &Host, ids: Ids, joins: &[Join]) -> Plan {
    let host = &host.serving(&request.limits);
    let mut steps = launcher_steps(request, host, ids, joins);
    steps.extend(root::init_steps(request, host, joins).into_iter().map(Step::init));
    steps.extend(process_steps(&request.process, request.capabilities, request.new_privileges, host));
    Plan { steps, lacks: host.lacks() }
}

fn launcher_steps(request: &LaunchRequest, host: &Host, ids: Ids, joins: &[Join]) -> Vec<Step> {
    // What is read-only holds nothing but the directories that are made before it becomes so.
    let storage = if request.read_only { Storage::None } else { host.storage };
    let mut actions = vec![Action::MakeWritableLayer {
        container: request.container.clone(),
        storage,
        bytes: request.limits.disk_bytes,
        inodes: request.limits.disk_inodes,
    }];
    for hierarchy in &host.hierarchies {
        actions.push(Action::MakeCgroup {
            hierarchy: hierarchy.name.clone(),
            path: host.cgroup_of(&request.container),
        });
        actions.extend(limit(&request.limits, hierarchy, host));
        // Version 2 ends the whole group by itself.
        if hierarchy.version == 1 && hierarchy.controllers.iter().any(|controller| controller == "memory") {
            actions.push(Action::WatchMemory { hierarchy: hierarchy.name.clone() });
        }
        // With version 2 there is no such controller: the user namespace forbids making nodes, `nodev` forbids using those
        // of an image, and only six harmless ones are bound into /dev.
        if hierarchy.controllers.iter().any(|controller| controller == "devices") {
            actions.push(Action::AllowDevices {
                hierarchy: hierarchy.name.clone(),
                rules: DEVICES.map(String::from).to_vec(),
            });
        }
    }
    actions.push(Action::CloneLayers { layers: request.layers.clone(), ids, idmapped: host.idmapped });
    actions.push(Action::MakeDevpts { options: host.devpts_options(ids) });
    actions.push(match request.process.stdio {
        Stdio::Terminal { rows, cols } => Action::OpenTerminal { rows, cols },
        Stdio::Pipes { stdin } => Action::OpenPipes { stdin },
    });
    actions.extend([
        Action::CloneInit {
            namespaces: NAMESPACES.map(String::from).to_vec(),
            into_cgroup: host.hierarchies.iter().any(|h| h.version == 2),
        },
        Action::MapIds { ids, set_groups: host.set_groups },
    ]);
    // While process 1 builds the root file system, and before there is another one.
    actions.extend(network::actions(joins));
    actions.push(Action::CloneProcess);
    actions.into_iter().map(Step::launcher).collect()
}

/// The limits that `hierarchy` can enforce, in the order in which the kernel accepts them.
fn limit(limits: &Limits, hierarchy: &Hierarchy, host: &Host) -> impl Iterator<Item = Action> {
    let settings = settings(limits, hierarchy, host).into_iter();
    settings.map(|(file, value)| Action::SetLimit { hierarchy: hierarchy.name.clone(), file, value })
}

/// What the devices controller lets through: null, zero, full, random, urandom, tty, ptmx and the slaves of devpts.
const DEVICES: [&str; 8] =
    ["c 1:3 rw", "c 1:5 rw", "c 1:7 rw", "c 1:8 rw", "c 1:9 rw", "c 5:0 rw", "c 5:2 rw", "c 136:* rw"];

/// Nodes of /dev that every program expects, bound from the host's.
pub(crate) const DEVICE_NODES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];

//! What the kernel says about a container, beside what it says about the host.

use porthole_protocol::http::ContainerDetail;
use porthole_protocol::kernel::KernelView;
use porthole_protocol::spec::Engine;
use yew::prelude::*;

use super::capabilities::capabilities;
use super::command::command;
use super::compare::compare;
use super::layers::layers;
use super::limits::limits;
use super::mounts::mounts;
use super::networks::networks;
use super::processes::processes;
use super::section::{folded, section};
use crate::state::kernel::Rates;
use crate::state::rows::{self, Row};
use crate::state::{commands, glossary};

fn engine_name(engine: Engine) -> String {
    if engine == Engine::Builtin { String::new() } else { engine.name().into() }
}

fn network_names(detail: &ContainerDetail) -> String {
    let names: Vec<_> = detail.addresses.iter().map(|address| address.network.as_str()).collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

/// What [`kernel_panel`] is about.
pub struct Props<'a> {
    /// The latest view.
    pub view: &'a KernelView,
    /// What is used in a second.
    pub rates: Rates,
    /// What was asked for, once known.
    pub detail: Option<&'a ContainerDetail>,
    /// What can be done about the limits.
    pub actions: Html,
    /// Types a command into the terminal.
    pub on_type: &'a Callback<String>,
}

/// Everything the kernel says, in the order in which a newcomer understands it.
pub fn kernel_panel(props: Props<'_>) -> Html {
    let Props { view, rates, detail, actions, on_type } = props;
    let engine = detail.map_or(Engine::Builtin, |detail| detail.spec.engine);
    let (kernel, kernel_lead) = glossary::kernel(engine);
    let compare = |caption: &'static str, rows: Vec<Row>| compare(caption, &rows, on_type);
    let command = |words: &'static str| command(words, on_type);
    let own = view
        .host
        .namespaces
        .iter()
        .zip(&view.container.namespaces)
        .filter(|(host, own)| host.id != own.id)
        .count();
    html! {
        <>
            if !view.lacks.is_empty() {
                { section("What this host lacks", String::new(),
                    html! { "Said plainly, because it is less than what you could have:" },
                    html! { <ul class="lacks">{ for view.lacks.iter().map(|lack| html! { <li class="lack">{ lack }</li> }) }</ul> }) }
            }
            { section(kernel, engine_name(engine), html! { kernel_lead },
                compare("Kernel of host and container", rows::kernel(view))) }
            { section("Namespaces", format!("{own} own"),
                html! { "A namespace is the kernel's answer to “which ones?” The same number means the same view; another number, another world." },
                compare("Namespaces of host and container", rows::namespace(view))) }
            { section("Who is root", String::new(),
                html! { "Each user id in here stands for another one out there. Root inside is nobody outside." },
                compare("Id maps of host and container", rows::identity(view))) }
            { section("Capabilities", format!("{} of {}", view.container.cap_effective.len(), view.host.cap_bounding.len()),
                html! { "Linux cuts root's power into pieces. These are the pieces this root holds, and only over its own namespaces." },
                capabilities(view, on_type)) }
            { section("Confinement", String::new(),
                html! { "Two more locks, for what is left: no way to gain power, and a filter on system calls." },
                compare("Confinement of host and container", rows::confinement(view))) }
            { section("Limits", String::new(),
                html! { <>{ "A control group counts what these processes use together and stops them there. " }
                    { command(commands::CGROUP) }</> },
                html! { <>{ limits(&view.cgroup, rates) }
                    <p class="path" title="Path of the control group on the host">{ &view.cgroup_path }</p>{ actions }</> }) }
            if let Some(detail) = detail {
                { section("Network", network_names(detail), html! { glossary::network(!detail.addresses.is_empty()) },
                    networks(detail)) }
            }
            { section("Processes", view.processes.len().to_string(),
                html! { <>{ format!("Ordinary processes of the host, which sees {} in all. In here they have other numbers and \
                    see only each other. ", view.host.process_count) }{ command(commands::PROCESSES) }</> },
                processes(&view.processes)) }
            { section("Layers", (view.layers.len() + 1).to_string(),
                html! { <>{ "The root directory is a stack. Writing copies a file up into the topmost layer; those below are \
                    shared and never change. " }{ command(commands::LAYERS) }</> },
                layers(&view.layers, view.writable_bytes)) }
            { folded("Mounts", view.container.mount_count.to_string(),
                html! { <>{ format!("Every directory tree this container can reach; the host has {}. ", view.host.mount_count) }
                    { command(commands::MOUNTS) }{ " " }{ command(commands::MOUNT_COUNT) }</> },
                mounts(&view.mounts)) }
        </>
    }
}

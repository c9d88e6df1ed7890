//! What the kernel says about a container, beside what it says about the host.

use std::rc::Rc;

use porthole_protocol::kernel::KernelView;
use yew::prelude::*;

use super::capabilities::Capabilities;
use super::command::Command;
use super::compare::Compare;
use super::layers::Layers;
use super::limits::Limits;
use super::mounts::Mounts;
use super::processes::Processes;
use super::section::Section;
use crate::state::commands;
use crate::state::rows::{self, Row};

/// Properties of [`KernelPanel`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The latest view.
    pub view: Rc<KernelView>,
    /// CPU in use now, in thousandths of one CPU.
    pub cpu_millis: Option<u64>,
    /// Types a command into the terminal.
    pub on_type: Callback<String>,
}

/// Everything the kernel says, in the order in which a newcomer understands it.
#[component]
pub fn KernelPanel(props: &Props) -> Html {
    let Props { view, cpu_millis, on_type } = props;
    let compare = |caption: &'static str, rows: Vec<Row>| html! { <Compare {caption} {rows} on_type={on_type.clone()} /> };
    let command = |command: &'static str| html! { <Command {command} on_type={on_type.clone()} /> };
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
                <Section title="What this host lacks" lead="Said plainly, because it is less than what you could have:">
                    <ul class="lacks">{ for view.lacks.iter().map(|lack| html! { <li class="lack">{ lack }</li> }) }</ul>
                </Section>
            }
            <Section title="One kernel" lead="A container has no kernel of its own. It asks the host's, the same for all; \
                a virtual machine would bring another.">
                { compare("Kernel of host and container", rows::kernel(view)) }
            </Section>
            <Section title="Namespaces" figure={format!("{own} own")} lead="A namespace is the kernel's answer to “which ones?” \
                The same number means the same view; another number, another world.">
                { compare("Namespaces of host and container", rows::namespace(view)) }
            </Section>
            <Section title="Who is root" lead="Each user id in here stands for another one out there. Root inside is nobody outside.">
                { compare("Id maps of host and container", rows::identity(view)) }
            </Section>
            <Section title="Capabilities" figure={format!("{} of {}", view.container.cap_effective.len(), view.host.cap_bounding.len())}
                lead="Linux cuts root's power into pieces. These are the pieces this root holds, and only over its own namespaces.">
                <Capabilities view={view.clone()} on_type={on_type.clone()} />
            </Section>
            <Section title="Confinement" lead="Two more locks, for what is left: no way to gain power, and a filter on system calls.">
                { compare("Confinement of host and container", rows::confinement(view)) }
            </Section>
            <Section title="Limits" lead={html! { <>{ "A control group counts what these processes use together and stops them there. " }
                { command(commands::CGROUP) }</> }}>
                <Limits values={view.cgroup.clone()} cpu_millis={*cpu_millis} />
                <p class="path" title="Path of the control group on the host">{ &view.cgroup_path }</p>
            </Section>
            <Section title="Processes" figure={view.processes.len().to_string()} lead={html! { <>{ format!("Ordinary processes of the host, \
                which sees {} in all. In here they have other numbers and see only each other. ", view.host.process_count) }
                { command(commands::PROCESSES) }</> }}>
                <Processes processes={view.processes.clone()} />
            </Section>
            <Section title="Layers" figure={(view.layers.len() + 1).to_string()} lead={html! { <>{ "The root directory is a stack. \
                Writing copies a file up into the topmost layer; those below are shared and never change. " }
                { command(commands::LAYERS) }</> }}>
                <Layers layers={view.layers.clone()} writable_bytes={view.writable_bytes} />
            </Section>
            <Section title="Mounts" figure={view.container.mount_count.to_string()} open={false} lead={html! { <>{ format!("Every \
                directory tree this container can reach; the host has {}. ", view.host.mount_count) }
                { command(commands::MOUNTS) }{ " " }{ command(commands::MOUNT_COUNT) }</> }}>
                <Mounts mounts={view.mounts.clone()} />
            </Section>
        </>
    }
}

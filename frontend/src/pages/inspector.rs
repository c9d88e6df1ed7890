//! The kernel panel and the birth timeline of the shown container.

use std::rc::Rc;

use porthole_protocol::http::ContainerState;
use porthole_protocol::kernel::{KernelView, Side};
use porthole_protocol::spec::Namespace;
use yew::prelude::*;

use crate::components::birth::Birth;
use crate::components::capabilities::Capabilities;
use crate::components::command::Command;
use crate::components::compare::{Compare, Row};
use crate::components::layers::Layers;
use crate::components::limits::Limits;
use crate::components::mounts::Mounts;
use crate::components::processes::Processes;
use crate::components::section::Section;
use crate::components::view_switch::View;
use crate::hooks::contexts::{KernelContext, ListsContext, TabsContext, use_store};
use crate::net::client::Client;
use crate::state::{commands, format, glossary};

/// Properties of [`Inspector`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Which half is asked for.
    pub view: View,
    /// Show this half.
    pub on_view: Callback<View>,
    /// The visitor wants to see the terminal.
    pub on_terminal: Callback<()>,
}

fn row(
    label: &str,
    note: &str,
    view: &KernelView,
    value: impl Fn(&Side) -> String,
    command: impl Into<AttrValue>,
) -> Row {
    Row {
        label: label.to_string().into(),
        note: note.to_string().into(),
        host: value(&view.host).into(),
        container: value(&view.container).into(),
        command: command.into(),
    }
}

fn kernel_rows(view: &KernelView) -> Vec<Row> {
    let values: [fn(&Side) -> String; 4] =
        [|s| s.release.clone(), |s| s.version.clone(), |s| s.machine.clone(), |s| s.hostname.clone()];
    let rows = commands::UNAME.into_iter().zip(values);
    rows.map(|((label, command), value)| row(label, "", view, value, command)).collect()
}

fn namespace_rows(view: &KernelView) -> Vec<Row> {
    let id = |kind: Namespace| {
        move |side: &Side| match side.namespaces.iter().find(|it| it.kind == kind).map(|it| it.id) {
            None | Some(0) => "unknown".to_string(),
            Some(id) => id.to_string(),
        }
    };
    let rows = Namespace::ALL.into_iter();
    rows.map(|kind| {
        row(kind.proc_name(), glossary::namespace(kind), view, id(kind), commands::namespace(kind))
    })
    .collect()
}

fn identity_rows(view: &KernelView) -> Vec<Row> {
    vec![
        row("Users", "", view, |side| format::id_maps(&side.uid_map), commands::UID_MAP),
        row("Groups", "", view, |side| format::id_maps(&side.gid_map), commands::GID_MAP),
    ]
}

fn confinement_rows(view: &KernelView) -> Vec<Row> {
    let yes = |on: bool| if on { "yes" } else { "no" }.to_string();
    let filters = |side: &Side| match (glossary::seccomp(side.seccomp_mode), side.seccomp_filters) {
        (mode, 0) => mode.to_string(),
        (mode, 1) => format!("{mode}, 1 program"),
        (mode, count) => format!("{mode}, {count} programs"),
    };
    vec![
        row(
            "No new privileges",
            "set-user-ID programs gain nothing",
            view,
            |s| yes(s.no_new_privs),
            commands::NO_NEW_PRIVS,
        ),
        row("seccomp", "system calls are checked by a program", view, filters, commands::SECCOMP),
    ]
}

fn panel(view: &Rc<KernelView>, cpu_millis: Option<u64>, on_type: &Callback<String>) -> Html {
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
                { compare("Kernel of host and container", kernel_rows(view)) }
            </Section>
            <Section title="Namespaces" figure={format!("{own} own")} lead="A namespace is the kernel's answer to “which ones?” \
                The same number means the same view; another number, another world.">
                { compare("Namespaces of host and container", namespace_rows(view)) }
            </Section>
            <Section title="Who is root" lead="Each user id in here stands for another one out there. Root inside is nobody outside.">
                { compare("Id maps of host and container", identity_rows(view)) }
            </Section>
            <Section title="Capabilities" figure={format!("{} of {}", view.container.cap_effective.len(), view.host.cap_bounding.len())}
                lead="Linux cuts root's power into pieces. These are the pieces this root holds, and only over its own namespaces.">
                <Capabilities view={view.clone()} on_type={on_type.clone()} />
            </Section>
            <Section title="Confinement" lead="Two more locks, for what is left: no way to gain power, and a filter on system calls.">
                { compare("Confinement of host and container", confinement_rows(view)) }
            </Section>
            <Section title="Limits" lead={html! { <>{ "A control group counts what these processes use together and stops them there. " }
                { command(commands::CGROUP) }</> }}>
                <Limits values={view.cgroup.clone()} {cpu_millis} />
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

/// Kernel panel and birth timeline, one at a time.
#[component]
pub fn Inspector(props: &Props) -> Html {
    let client = use_store::<Client>();
    let kernel = use_store::<KernelContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let summary = kernel.container.as_ref().and_then(|id| lists.container(id));
    let ended = kernel.container.is_some() && summary.is_none_or(|it| it.state != ContainerState::Running);
    // Where there is room for the terminal as well, the half shown last stays.
    let half = use_state(|| View::Kernel);
    use_effect_with(props.view, {
        let half = half.setter();
        move |view| {
            if matches!(view, View::Kernel | View::Birth) {
                half.set(*view);
            }
        }
    });
    let on_type = {
        let (active, on_terminal) = (tabs.active, props.on_terminal.clone());
        Callback::from(move |command: String| {
            if let Some(tab) = active {
                client.input(tab, format!("{command}\r").as_bytes());
                on_terminal.emit(());
            }
        })
    };
    let tab = |view: View, name: &'static str| {
        let chosen = *half == view;
        let half = half.setter();
        let on_view = props.on_view.clone();
        let selected = props.view;
        html! {
            <button type="button" class="half" aria-pressed={chosen.to_string()}
                onclick={Callback::from(move |_| {
                    half.set(view);
                    if matches!(selected, View::Kernel | View::Birth) { on_view.emit(view); }
                })}>
                { name }
            </button>
        }
    };
    let body = match (*half, &kernel.detail, &kernel.view) {
        _ if kernel.container.is_none() => {
            html! { <p class="quiet">{ "Launch a container to see what the kernel did for it." }</p> }
        }
        (View::Birth, Some(detail), _) => html! { <Birth detail={detail.clone()} /> },
        (View::Kernel, _, Some(view)) => panel(view, kernel.cpu_millis, &on_type),
        _ => html! { <p class="quiet">{ "Asking the kernel." }</p> },
    };
    html! {
        <aside class="inspector" aria-label="Kernel panel" data-region="inspector" tabindex="-1">
            <div class="halves" role="group" aria-label="What the panel shows">
                { tab(View::Kernel, "Kernel") }
                { tab(View::Birth, "Birth") }
            </div>
            <div key={half.name()} class="inspector-body" role="region" tabindex="0"
                aria-label={if *half == View::Birth { "Birth timeline" } else { "Kernel view" }}>
                if ended {
                    <p class="ended">{ "This container has ended. This is how it was last seen." }</p>
                }
                { body }
            </div>
        </aside>
    }
}

//! The kernel panel and the birth timeline of the shown container.

use porthole_protocol::http::ContainerState;
use yew::prelude::*;

use crate::components::birth::Birth;
use crate::components::kernel_panel::KernelPanel;
use crate::components::view_switch::View;
use crate::hooks::contexts::{KernelContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::net::client::Client;
use crate::state::toasts::ToastsAction;

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

/// Kernel panel and birth timeline, one at a time.
#[component]
pub fn Inspector(props: &Props) -> Html {
    let client = use_store::<Client>();
    let kernel = use_store::<KernelContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
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
    // The shell says no more than "Killed".
    use_effect_with(kernel.memory_kills, {
        let toasts = toasts.dispatcher();
        move |kills| {
            if *kills > 0 {
                let words = "The kernel killed a process: the container's memory was used up.";
                toasts.dispatch(ToastsAction::Note(words.into()));
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
        (View::Kernel, _, Some(view)) => html! {
            <KernelPanel view={view.clone()} cpu_millis={kernel.cpu_millis} {on_type} />
        },
        _ => html! { <p class="quiet">{ "Asking the kernel." }</p> },
    };
    html! {
        <section class="inspector" aria-label="Kernel panel" data-region="inspector" tabindex="-1">
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
        </section>
    }
}

//! The kernel panel and the birth timeline of the shown container.

use porthole_protocol::http::ContainerState;
use yew::functional::Hook;
use yew::prelude::*;

use super::change_limits;
use super::commit;
use super::layers;
use crate::components::birth;
use crate::components::file_button;
use crate::components::kernel_panel::{self, kernel_panel};
use crate::components::part::part;
use crate::hooks::contexts::{KernelContext, ListsContext, TabsContext, ToastsContext, use_store};
use crate::interop::files::LocalFile;
use crate::net::client::Client;
use crate::state::files::Place;
use crate::state::kernel::disk_is_full;
use crate::state::toasts::ToastsAction;

/// What [`inspector`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The visitor wants to see the terminal.
    pub on_terminal: Callback<()>,
    /// Put these files into the shown container; none when it does not run.
    pub on_files: Option<Callback<Vec<LocalFile>>>,
}

/// What the panel shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Half {
    Kernel,
    Layers,
    Birth,
}

impl Half {
    fn name(self) -> &'static str {
        match self {
            Self::Kernel => "Kernel",
            Self::Layers => "Layers",
            Self::Birth => "Birth",
        }
    }

    fn label(self) -> &'static str {
        match self {
            Self::Kernel => "Kernel view",
            Self::Layers => "Layer view",
            Self::Birth => "Birth timeline",
        }
    }
}

/// Kernel panel and birth timeline, one at a time.
pub fn inspector(props: Props) -> Html {
    part("", props, |props, ctx| use_inspector(props).run(ctx))
}

#[hook]
fn use_inspector(props: &Props) -> Html {
    let client = use_store::<Client>();
    let kernel = use_store::<KernelContext>();
    let lists = use_store::<ListsContext>();
    let tabs = use_store::<TabsContext>();
    let toasts = use_store::<ToastsContext>();
    let summary = kernel.container.as_ref().and_then(|id| lists.container(id));
    let ended = kernel.container.is_some() && summary.is_none_or(|it| it.state != ContainerState::Running);
    let half = use_state(|| Half::Kernel);
    use_effect_with(kernel.view.as_deref().is_some_and(disk_is_full), {
        let toasts = toasts.dispatcher();
        move |full| {
            if *full {
                let words = "The container's disk is full: what it writes fails until something is deleted.";
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
    let tab = |this: Half| {
        let half_now = half.setter();
        html! {
            <button type="button" class="half" aria-pressed={(*half == this).to_string()}
                onclick={Callback::from(move |_| half_now.set(this))}>
                { this.name() }
            </button>
        }
    };
    let layers = summary.filter(|_| *half == Half::Layers).map(|container| layers::layers(&container.id.to_string(), layers::Props { place: Place::Container(container.id.clone()), name: container.name.clone().into(), actions: html! {
                <span class="written-actions">
                    if let Some(on_files) = &props.on_files { { file_button::file_button(file_button::Props { words: "Put a file in".into(), on_files: on_files.clone() }) } }
                    { commit::commit(commit::Props { container: container.id.clone(), name: container.name.clone().into() }) }
                </span>
            } }));
    let body = match (*half, &kernel.detail, &kernel.view) {
        _ if kernel.container.is_none() => {
            html! { <p class="quiet">{ "Launch a container to see what the kernel did for it." }</p> }
        }
        (Half::Birth, Some(detail), _) => birth::birth(birth::Props { detail: detail.clone() }),
        (Half::Kernel, detail, Some(view)) => kernel_panel(kernel_panel::Props {
            view,
            rates: kernel.rates,
            detail: detail.as_deref(),
            actions: match detail {
                Some(detail) if !ended => {
                    change_limits::change_limits(change_limits::Props { detail: detail.clone() })
                }
                _ => Html::default(),
            },
            on_type: &on_type,
        }),
        _ => html! { <p class="quiet">{ "Asking the kernel." }</p> },
    };
    html! {
        <section class="inspector" aria-label="Kernel panel" data-region="inspector" tabindex="-1">
            <div class="halves" role="group" aria-label="What the panel shows">
                { tab(Half::Kernel) }
                { tab(Half::Layers) }
                { tab(Half::Birth) }
            </div>
            <div key={half.name()} class="inspector-body" role="region" tabindex="0"
                aria-label={half.label()}>
                if ended {
                    <p class="ended">{ "This container has ended. This is how it was last seen." }</p>
                }
                { layers.unwrap_or(body) }
            </div>
        </section>
    }
}

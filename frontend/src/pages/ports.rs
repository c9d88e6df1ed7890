//! Ports on which the shown container listens, and the way to what it serves.

use porthole_protocol::ids::ContainerId;
use yew::functional::Hook;
use yew::prelude::*;

use crate::components::icon::{Icon, glyph};
use crate::components::part::part;
use crate::hooks::contexts::{KernelContext, ToastsContext, use_store};
use crate::hooks::use_task::use_tasks;
use crate::interop::browser;
use crate::net::api;
use crate::state::few::Few;
use crate::state::toasts::ToastsAction;

/// What [`ports`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The container.
    pub container: ContainerId,
}

/// A chip for each port. One that is clicked gets an address of its own, outside of this page, and opens there.
pub fn ports(key: &str, props: Props) -> Html {
    part(key, props, |props, ctx| use_ports(props).run(ctx))
}

#[hook]
fn use_ports(props: &Props) -> Html {
    let kernel = use_store::<KernelContext>();
    let toasts = use_store::<ToastsContext>();
    let tasks = use_tasks();
    let previews = use_state(Few::<u16, String>::default);
    // Those that were open before the page was.
    use_effect_with((), {
        let (tasks, previews, id) = (tasks.clone(), previews.setter(), props.container.clone());
        move |()| {
            tasks.start(async move {
                let mut opened = Few::default();
                for one in api::ports(&id).await.unwrap_or_default() {
                    if let Some(url) = one.preview {
                        opened.insert(one.port, url);
                    }
                }
                previews.set(opened);
            });
        }
    });
    let view = kernel.view.as_deref().filter(|_| kernel.container.as_ref() == Some(&props.container));
    let Some(view) = view.filter(|view| !view.listening.is_empty()) else { return Html::default() };
    let open = |port: u16| {
        let (tasks, id, previews, toasts) =
            (tasks.clone(), props.container.clone(), previews.clone(), toasts.dispatcher());
        Callback::from(move |_: MouseEvent| {
            let (id, previews, toasts) = (id.clone(), previews.clone(), toasts.clone());
            tasks.start(async move {
                match api::open_preview(&id, port).await {
                    Ok(preview) => {
                        browser::open_tab(&preview.url);
                        let mut opened = (*previews).clone();
                        opened.insert(port, preview.url);
                        previews.set(opened);
                    }
                    Err(error) => toasts.dispatch(ToastsAction::Failure(error)),
                }
            });
        })
    };
    let close = |port: u16| {
        let (tasks, id, previews, toasts) =
            (tasks.clone(), props.container.clone(), previews.clone(), toasts.dispatcher());
        Callback::from(move |_: MouseEvent| {
            let mut opened = (*previews).clone();
            opened.remove(&port);
            previews.set(opened);
            let (id, toasts) = (id.clone(), toasts.clone());
            tasks.start(async move {
                if let Err(error) = api::close_preview(&id, port).await {
                    toasts.dispatch(ToastsAction::Failure(error));
                }
            });
        })
    };
    let chip = |port: u16| match previews.get(&port) {
        None => html! {
            <li key={port} class="port">
                <button type="button" class="port-open" onclick={open(port)} aria-label={format!("Open port {port}")}
                    title="Open what it serves in a new tab. Who has the address can see it while it is open.">
                    { port }
                </button>
            </li>
        },
        Some(url) => html! {
            <li key={port} class="port" data-open="true">
                <a class="port-open" href={url.clone()} target="_blank" rel="noopener noreferrer"
                    aria-label={format!("Preview of port {port}")}>
                    { port }{ " ↗" }
                </a>
                <button type="button" class="port-close" onclick={close(port)} aria-label={format!("Close the preview of port {port}")}
                    title="Close the preview">
                    { glyph(Icon::Close) }
                </button>
            </li>
        },
    };
    let published = kernel.detail.iter().flat_map(|detail| &detail.published).filter_map(|it| {
        let host_port = it.host_port?;
        let href = browser::beside(host_port);
        Some(html! {
            <li key={format!("published {host_port}")} class="port" data-open="true">
                <a class="port-open" {href} target="_blank" rel="noopener noreferrer"
                    title={format!("Port {} of the container, published", it.port)}>
                    { format!("{} as {host_port} ↗", it.port) }
                </a>
            </li>
        })
    });
    html! {
        <div class="ports">
            <span class="ports-title" id="ports-title">{ "Listening" }</span>
            <ul class="ports-list" aria-labelledby="ports-title">
                { for view.listening.iter().map(|it| chip(it.port)) }
                { for published }
            </ul>
        </div>
    }
}

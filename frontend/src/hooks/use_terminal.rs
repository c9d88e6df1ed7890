//! A terminal for as long as a component is mounted.

use std::cell::OnceCell;
use std::rc::Rc;

use yew::prelude::*;

use super::contexts::use_store;
use crate::interop::terminal::{Handlers, Terminal};
use crate::net::client::Client;
use crate::state::tabs::{Origin, TabKey};

/// Creates the terminal when the component mounts, and hands it to the client once it is ready. None until then.
#[hook]
pub fn use_terminal(tab: TabKey, origin: &Origin, host: &NodeRef) -> Option<Rc<Terminal>> {
    let client = use_store::<Client>();
    let terminal = use_state(|| None::<Rc<Terminal>>);
    let ready = use_state(bool::default);
    use_effect_with(tab, {
        let (client, host, origin) = (client.clone(), host.clone(), origin.clone());
        let (slot, is_ready) = (terminal.clone(), ready.setter());
        move |&tab| {
            let screen: Rc<OnceCell<Rc<Terminal>>> = Rc::default();
            let handlers = {
                let (on_ready, on_input, on_resize, on_drawn, on_told) =
                    (client.clone(), client.clone(), client.clone(), client.clone(), client.clone());
                let weak = Rc::downgrade(&screen);
                Handlers {
                    ready: Callback::from(move |size| {
                        if let Some(screen) = weak.upgrade().and_then(|screen| screen.get().cloned()) {
                            on_ready.open(tab, origin.clone(), size, screen);
                            is_ready.set(true);
                        }
                    }),
                    input: Callback::from(move |bytes: Vec<u8>| on_input.input(tab, &bytes)),
                    resized: Callback::from(move |size| on_resize.resized(tab, size)),
                    rendered: Callback::from(move |bytes| on_drawn.rendered(tab, bytes)),
                    told: Callback::from(move |what| on_told.told(tab, what)),
                }
            };
            let opened = Rc::new(Terminal::open(&host, handlers));
            let _ = screen.set(opened.clone());
            slot.set(Some(opened));
            move || {
                client.close(tab);
                slot.set(None);
                drop(screen);
            }
        }
    });
    (*terminal).clone().filter(|_| *ready)
}

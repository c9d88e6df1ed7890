//! Something the agent is asked for over HTTP, for as long as a component is mounted.

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use gloo_timers::callback::Interval;
use porthole_protocol::error::WireError;
use yew::prelude::*;

use super::use_task::use_tasks;
use crate::interop::browser;
use crate::state::remote::{Remote, RemoteAction};

/// Asks whenever `key` changes and, if `every_ms` is given, again that often while the page can be seen and the request
/// before has been answered. No key, no question.
#[hook]
pub fn use_remote<T, K, F, A>(key: Option<K>, every_ms: Option<u32>, ask: F) -> UseReducerHandle<Remote<T>>
where
    T: Clone + PartialEq + 'static,
    K: Clone + PartialEq + 'static,
    F: Fn(K) -> A + 'static,
    A: Future<Output = Result<T, WireError>> + 'static,
{
    let remote = use_reducer_eq(Remote::<T>::default);
    let tasks = use_tasks();
    let last = use_memo((), |()| Cell::new(0_u32));
    use_effect_with((key, every_ms), {
        let dispatch = remote.dispatcher();
        move |(key, every_ms)| {
            dispatch.dispatch(RemoteAction::Forget(last.get()));
            let under_way = Rc::new(Cell::new(false));
            let ask_now = key.clone().map(|key| {
                move || {
                    if under_way.replace(true) {
                        return;
                    }
                    let request = last.get() + 1;
                    last.set(request);
                    let (dispatch, under_way, answer) =
                        (dispatch.clone(), under_way.clone(), ask(key.clone()));
                    tasks.start(async move {
                        let answer = answer.await;
                        under_way.set(false);
                        dispatch.dispatch(RemoteAction::Answered(request, answer));
                    });
                }
            });
            let interval = ask_now.and_then(|ask_now| {
                ask_now();
                let every_ms = (*every_ms)?;
                Some(Interval::new(every_ms, move || {
                    if browser::is_visible() {
                        ask_now();
                    }
                }))
            });
            move || drop(interval)
        }
    });
    remote
}

//! Files sent one after the other, for as long as a component is mounted.

use yew::prelude::*;

use super::use_task::use_tasks;
use crate::interop::files::LocalFile;
use crate::net::upload;
use crate::state::sending::{Sending, SendingAction};

/// A file, and where it is to be sent: method and path.
#[derive(Clone, Debug, PartialEq)]
pub struct Errand {
    /// The file.
    pub file: LocalFile,
    /// The method.
    pub method: &'static str,
    /// The path of the API.
    pub path: String,
}

/// How far the files are, and a callback that sends some. `on_done` hears when every one of them has arrived.
#[hook]
pub fn use_sending(on_done: Callback<()>) -> (UseReducerHandle<Sending>, Callback<Vec<Errand>>) {
    let sending = use_reducer(Sending::default);
    let tasks = use_tasks();
    let send = {
        let dispatch = sending.dispatcher();
        Callback::from(move |errands: Vec<Errand>| {
            let names = errands.iter().map(|errand| (errand.file.name(), errand.file.bytes())).collect();
            dispatch.dispatch(SendingAction::Begin(names));
            let (dispatch, on_done) = (dispatch.clone(), on_done.clone());
            tasks.start(async move {
                let mut arrived = true;
                for (index, errand) in errands.into_iter().enumerate() {
                    let on_progress = {
                        let dispatch = dispatch.clone();
                        Callback::from(move |bytes| dispatch.dispatch(SendingAction::Sent(index, bytes)))
                    };
                    let Errand { file, method, path } = errand;
                    let outcome = upload::send(method, &path, &file, on_progress).await.map(drop);
                    arrived &= outcome.is_ok();
                    dispatch.dispatch(SendingAction::Ended(index, outcome));
                }
                if arrived {
                    on_done.emit(());
                }
            });
        })
    };
    (sending, send)
}

//! A file tree, asked for directory by directory as the visitor opens them.

use std::cell::Cell;

use yew::prelude::*;

use super::use_task::use_tasks;
use crate::net::api;
use crate::state::files::{Files, FilesAction, Place};

/// What the tree is looked at through: a place, the topmost layer looked through, and a number that changes whenever what
/// is there may have changed.
type Look = (Place, usize, u64);

/// The tree of a place, seen through its layers from the `from`th on. When `age` changes, everything open is asked for
/// again and stays shown meanwhile.
#[hook]
pub fn use_files(place: Place, from: usize, age: u64) -> UseReducerHandle<Files> {
    let files = use_reducer(Files::default);
    let tasks = use_tasks();
    let last = use_memo((), |()| Cell::new(0_u32));
    let asked = use_mut_ref(|| (None::<Look>, Vec::<String>::new()));
    use_effect_with(((place, from, age), files.wanted()), {
        let dispatch = files.dispatcher();
        move |(look, wanted)| {
            let mut asked = asked.borrow_mut();
            if asked.0.as_ref() != Some(look) {
                let same_tree =
                    asked.0.as_ref().is_some_and(|before| before.0 == look.0 && before.1 == look.1);
                if !same_tree {
                    dispatch.dispatch(FilesAction::Forget(last.get()));
                }
                *asked = (Some(look.clone()), Vec::new());
            }
            for path in wanted {
                if asked.1.contains(path) {
                    continue;
                }
                asked.1.push(path.clone());
                last.set(last.get() + 1);
                let (request, path, (place, from, _)) = (last.get(), path.clone(), look.clone());
                let dispatch = dispatch.clone();
                tasks.start(async move {
                    let answer = api::tree(&place, &path, from).await;
                    dispatch.dispatch(FilesAction::Answered(request, path, answer));
                });
            }
            // Asked for anew when it is opened anew.
            asked.1.retain(|path| wanted.contains(path));
        }
    });
    files
}

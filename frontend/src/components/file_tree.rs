//! A file tree: what is there, which layer it comes from, and what happened to it.

use porthole_protocol::files::{ChangeKind, FileKind, StackLayer};
use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::layer_chip::layer_chip;
use super::part::part;
use crate::interop::focus;
use crate::state::files::{Files, FilesAction, Row};
use crate::state::{format, glossary, stack};

/// What [`file_tree_view`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// The tree.
    pub files: Files,
    /// The stack it is seen through.
    pub layers: Vec<StackLayer>,
    /// Something happens to it.
    pub on_act: Callback<FilesAction>,
}

fn id(path: &str) -> String {
    format!("file:{path}")
}

/// What the eye sees of an entry beside its name, for screen readers.
fn words(row: &Row, layers: &[StackLayer]) -> String {
    let kind = match row.entry.kind {
        FileKind::File => "file",
        FileKind::Directory => "directory",
        FileKind::Symlink => "symbolic link",
        FileKind::Special => "special file",
    };
    let change =
        row.entry.change.map_or_else(String::new, |change| format!(", {}", glossary::change(change)));
    format!(", {kind}{change}, from {}", stack::name(layers, row.entry.layer))
}

fn item(props: &Props, row: &Row, is_entry: bool) -> Html {
    let entry = &row.entry;
    let change = entry.change.map(|kind| (kind.letter(), glossary::change(kind)));
    let act = match row.open {
        Some(_) => FilesAction::Toggle(row.path.clone()),
        None => FilesAction::Select(row.path.clone()),
    };
    let icon = match entry.kind {
        FileKind::Directory => Icon::Folder,
        FileKind::File | FileKind::Symlink | FileKind::Special => Icon::File,
    };
    let selected = props.files.selected.as_ref() == Some(&row.path);
    html! {
        <li key={row.path.clone()} class="file" role="treeitem" id={id(&row.path)} aria-level={row.level.to_string()}
            aria-posinset={row.position.0.to_string()} aria-setsize={row.position.1.to_string()}
            aria-expanded={row.open.map(|open| open.to_string())} aria-selected={selected.to_string()}
            tabindex={if is_entry { "0" } else { "-1" }}
            data-deleted={(entry.change == Some(ChangeKind::Deleted)).then_some("true")}
            style={format!("--level: {}", row.level)} onclick={props.on_act.reform(move |_| act.clone())}>
            <span class="file-twist" aria-hidden="true" />
            { glyph(icon) }
            <span class="file-name">
                { &entry.name }
                if let Some(target) = &entry.target { <span class="file-target">{ format!(" → {target}") }</span> }
            </span>
            <span class="visually-hidden">{ words(row, &props.layers) }</span>
            if let Some((letter, word)) = change { <span class="mark" aria-hidden="true" data-change={word} title={word}>{ letter }</span> }
            if entry.kind == FileKind::File { <span class="file-size" aria-hidden="true">{ format::bytes(entry.bytes) }</span> }
            { layer_chip(&props.layers, entry.layer) }
        </li>
    }
}

fn note(row: &Row) -> Option<Html> {
    let words = row.note.as_ref()?;
    Some(html! { <li key={format!("note {}", row.path)} class="file-note" role="none">{ words }</li> })
}

/// The tree. Arrow keys walk in it, Enter opens.
pub fn file_tree_view(props: Props) -> Html {
    part("", props, |props, ctx| use_file_tree_view(props).run(ctx))
}

#[hook]
fn use_file_tree_view(props: &Props) -> Html {
    let tree = use_node_ref();
    let rows = props.files.rows();
    let entry = props.files.entry_point(&rows).map(|row| row.path.clone());
    use_effect_with(entry.clone(), {
        let tree = tree.clone();
        move |entry| {
            if let Some(path) = entry {
                focus::follow(&tree, &id(path));
            }
        }
    });
    let onkeydown = {
        let (files, on_act) = (props.files.clone(), props.on_act.clone());
        Callback::from(move |event: KeyboardEvent| {
            let plain = !(event.ctrl_key() || event.alt_key() || event.meta_key());
            if plain && files.key(&event.key()).is_some() {
                event.prevent_default();
                on_act.emit(FilesAction::Key(event.key()));
            }
        })
    };
    html! {
        <ul class="files" role="tree" aria-label="Files" ref={tree} {onkeydown}>
            { for rows.iter().flat_map(|row| [Some(item(props, row, entry.as_ref() == Some(&row.path))), note(row)]).flatten() }
        </ul>
    }
}

//! A file's beginning, and what is known about it.

use std::rc::Rc;

use porthole_protocol::files::{FileEntry, FileKind, StackLayer};
use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::layer_chip::layer_chip;
use super::part::part;
use super::problem::problem;
use crate::interop::files::BlobUrl;
use crate::state::preview::{self, Preview};
use crate::state::remote::Remote;
use crate::state::{format, stack};

/// What [`file_preview`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Its path.
    pub path: AttrValue,
    /// It.
    pub entry: FileEntry,
    /// The stack it is seen through.
    pub layers: Vec<StackLayer>,
    /// Its beginning.
    pub content: Remote<Vec<u8>>,
    /// Save all of it.
    pub on_download: Callback<()>,
}

fn shown(path: &str, preview: &Preview, picture: Option<&BlobUrl>) -> Html {
    match preview {
        Preview::Empty => html! { <p class="quiet">{ "There is nothing in it." }</p> },
        Preview::Text(lines) => html! {
            <ol class="lines" tabindex="0" aria-label={format!("Text of {path}")}>
                { for lines.iter().map(|line| html! { <li class="line">{ line }</li> }) }
            </ol>
        },
        Preview::Hex(rows) => html! {
            <ol class="hex" tabindex="0" aria-label={format!("Bytes of {path}")}>
                { for rows.iter().map(|row| html! {
                    <li class="hex-row">
                        <span class="hex-offset">{ &row.offset }</span>
                        <span>{ &row.digits }</span>
                        <span class="hex-offset">{ &row.characters }</span>
                    </li>
                }) }
            </ol>
        },
        Preview::Picture(_) => match picture {
            Some(url) => {
                html! { <img class="picture" src={url.as_str().to_owned()} alt={format!("The picture {path}")} /> }
            }
            None => html! { <p class="quiet">{ "This picture is too large to be shown." }</p> },
        },
    }
}

/// The file: where it comes from, whose it is, how it begins.
pub fn file_preview(key: &str, props: Props) -> Html {
    part(key, props, |props, ctx| use_file_preview(props).run(ctx))
}

#[hook]
fn use_file_preview(props: &Props) -> Html {
    let Props { path, entry, layers, content, on_download } = props;
    let view = use_memo(content.value.clone(), |content| content.as_ref().map(|bytes| preview::of(bytes)));
    // Kept while it is shown: the address dies with it.
    let picture = use_memo((content.value.clone(), entry.bytes), {
        let view: Rc<Option<Preview>> = view.clone();
        move |(content, size)| match (&*view, content) {
            (Some(Preview::Picture(mime)), Some(bytes)) if bytes.len() as u64 >= *size => {
                BlobUrl::of(bytes, mime)
            }
            _ => None,
        }
    });
    let fetched = content.value.as_ref().map_or(0, |bytes| bytes.len() as u64);
    let cut = matches!(&*view, Some(Preview::Text(_) | Preview::Hex(_))) && fetched < entry.bytes;
    let made = layers.get(entry.layer).map(|layer| stack::instruction(&layer.created_by)).unwrap_or_default();
    html! {
        <article class="preview" aria-label={format!("Preview of {path}")}>
            <header class="preview-head">
                <h3 class="preview-path">{ path }</h3>
                if entry.kind == FileKind::File {
                    <button type="button" class="button" onclick={on_download.reform(|_| ())}
                        aria-label={format!("Download {path}")}>
                        { glyph(Icon::Download) }{ "Download" }
                    </button>
                }
            </header>
            <p class="preview-source">
                { layer_chip(layers, entry.layer) }
                <span>
                    { format!("It comes from {}", stack::name(layers, entry.layer)) }
                    if made.is_empty() { { "." } } else { { ": " }<code class="inline-code">{ made }</code> }
                </span>
            </p>
            <p class="preview-facts">
                { format!("{}  {}:{}  {}  {}", format::mode(entry.kind, entry.mode), entry.uid, entry.gid, format::bytes(entry.bytes),
                    format::date(entry.modified_ms)) }
                if let Some(target) = &entry.target { { format!("  → {target}") } }
            </p>
            if let Some(error) = &content.error { { problem(error) } }
            if let Some(view) = &*view { { shown(path, view, (*picture).as_ref()) } }
            if cut {
                <p class="quiet">{ format!("This is how it begins; there are {} in all.", format::bytes(entry.bytes)) }</p>
            }
        </article>
    }
}

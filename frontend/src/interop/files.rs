//! Files of the visitor's own machine: dropped, chosen, shown, saved.

use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Blob, BlobPropertyBag, DragEvent, File, FileList, HtmlAnchorElement, HtmlInputElement, Node, Url,
};
use yew::NodeRef;

/// A file that the visitor dropped or chose. The page has been given the right to read it, and reads it when it is sent.
#[derive(Clone, Debug, PartialEq)]
pub struct LocalFile(File);

impl LocalFile {
    /// Its name, without directories.
    #[must_use]
    pub fn name(&self) -> String {
        self.0.name()
    }

    /// Its size, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count of bytes")]
        let bytes = self.0.size() as u64;
        bytes
    }

    /// Its content as text; empty when it cannot be read.
    pub async fn text(&self) -> String {
        let text = JsFuture::from(self.0.text()).await.ok();
        text.and_then(|text| text.as_string()).unwrap_or_default()
    }

    /// Its content, for a request.
    #[must_use]
    pub fn blob(&self) -> &Blob {
        &self.0
    }
}

fn list(files: Option<FileList>) -> Vec<LocalFile> {
    let Some(files) = files else { return Vec::new() };
    (0..files.length()).filter_map(|index| files.get(index)).map(LocalFile).collect()
}

/// Whether something dragged over the page holds files.
#[must_use]
pub fn holds_files(event: &DragEvent) -> bool {
    event.data_transfer().is_some_and(|data| data.types().includes(&JsValue::from_str("Files"), 0))
}

/// Whether what is dragged has left the element that listens, and not only gone to another one inside it.
#[must_use]
pub fn has_left(event: &DragEvent) -> bool {
    let inside = event.current_target().and_then(|target| target.dyn_into::<Node>().ok());
    let to = event.related_target().and_then(|target| target.dyn_into::<Node>().ok());
    to.is_none_or(|to| inside.is_none_or(|inside| !inside.contains(Some(&to))))
}

/// The files that were dropped.
#[must_use]
pub fn dropped(event: &DragEvent) -> Vec<LocalFile> {
    list(event.data_transfer().and_then(|data| data.files()))
}

/// The files chosen in a file input, which can then be chosen again.
#[must_use]
pub fn chosen(input: &NodeRef) -> Vec<LocalFile> {
    let Some(input) = input.cast::<HtmlInputElement>() else { return Vec::new() };
    let files = list(input.files());
    input.set_value("");
    files
}

/// Opens the browser's dialog of a file input.
pub fn choose(input: &NodeRef) {
    if let Some(input) = input.cast::<HtmlInputElement>() {
        input.click();
    }
}

/// An address of bytes that the page holds, until dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct BlobUrl(String);

impl BlobUrl {
    /// Bytes of this type. None when the browser has no room for them.
    #[must_use]
    pub fn of(bytes: &[u8], mime: &str) -> Option<Self> {
        let parts = js_sys::Array::of1(&js_sys::Uint8Array::from(bytes));
        let kind = BlobPropertyBag::new();
        kind.set_type(mime);
        let blob = Blob::new_with_u8_array_sequence_and_options(&parts, &kind).ok()?;
        Self::of_blob(&blob)
    }

    fn of_blob(blob: &Blob) -> Option<Self> {
        Url::create_object_url_with_blob(blob).ok().map(Self)
    }

    /// The address.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for BlobUrl {
    fn drop(&mut self) {
        let _ = Url::revoke_object_url(&self.0);
    }
}

/// Has the browser save what is at this address, under this name.
pub fn save(url: &str, name: &str) {
    let document = web_sys::window().and_then(|window| window.document());
    let anchor = document.and_then(|document| document.create_element("a").ok());
    if let Some(anchor) = anchor.and_then(|anchor| anchor.dyn_into::<HtmlAnchorElement>().ok()) {
        anchor.set_href(url);
        anchor.set_download(name);
        anchor.click();
    }
}

/// Has the browser save bytes that it holds, under this name.
pub fn save_blob(blob: &Blob, name: &str) {
    // A download holds what its address stood for when it began (HTML, section 4.6.5), so the address may go at once.
    if let Some(url) = BlobUrl::of_blob(blob) {
        save(&url.0, name);
    }
}

//! Address bar, storage and clock.

use gloo_events::EventListener;
use wasm_bindgen::JsValue;
use web_sys::{Storage, Window};

const TOKEN_KEY: &str = "porthole.token";
const THEME_KEY: &str = "porthole.theme";
const NAME_KEY: &str = "porthole.name";

fn window() -> Window {
    web_sys::window().expect("the page runs in a window")
}

/// The socket's address: the page's own host.
#[must_use]
pub fn socket_url() -> String {
    let location = window().location();
    let secure = location.protocol().is_ok_and(|protocol| protocol == "https:");
    let host = location.host().unwrap_or_default();
    format!("{}://{host}/api/v1/socket", if secure { "wss" } else { "ws" })
}

/// The path in the address bar.
#[must_use]
pub fn path() -> String {
    window().location().pathname().unwrap_or_default()
}

/// Shows a path in the address bar, as a step that the browser's "back" undoes.
pub fn go_to(path: &str) {
    if let Ok(history) = window().history() {
        let _ = history.push_state_with_url(&JsValue::NULL, "", Some(path));
    }
}

/// Loads the page anew.
pub fn reload() {
    let _ = window().location().reload();
}

/// Opens an address in a new tab that knows nothing of this one. A browser that takes it for a pop-up does nothing.
pub fn open_tab(url: &str) {
    let _ = window().open_with_url_and_target_and_features(url, "_blank", "noopener,noreferrer");
}

/// The address of another port of the page's host.
#[must_use]
pub fn beside(port: u16) -> String {
    format!("http://{}:{port}/", window().location().hostname().unwrap_or_default())
}

/// Calls `act` when the browser has gone back or forward, until the listener is dropped.
pub fn on_back_or_forward(act: impl Fn() + 'static) -> EventListener {
    EventListener::new(&window(), "popstate", move |_| act())
}

/// Calls `act` whenever the network comes (`true`) or goes (`false`), or the page can be seen again (`true`), until the
/// listeners are dropped.
pub fn on_wake(act: impl Fn(bool) + Clone + 'static) -> Vec<EventListener> {
    let window = window();
    let (on, off) = (act.clone(), act.clone());
    let mut listeners = vec![
        EventListener::new(&window, "online", move |_| on(true)),
        EventListener::new(&window, "offline", move |_| off(false)),
    ];
    if let Some(document) = window.document() {
        let seen = EventListener::new(&document, "visibilitychange", move |_| {
            if is_visible() {
                act(true);
            }
        });
        listeners.push(seen);
    }
    listeners
}

/// A random number below 2^53.
#[must_use]
pub fn random() -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 2^53 - 1")]
    let number = (js_sys::Math::random() * 9_007_199_254_740_992.0) as u64;
    number
}

/// Takes the token out of the address bar, where the start-up link put it, so that it is neither bookmarked nor shared.
pub fn adopt_token() {
    let location = window().location();
    let hash = location.hash().unwrap_or_default();
    if let Some(token) = hash.strip_prefix("#token=") {
        session_set(TOKEN_KEY, token);
        if let Ok(history) = window().history() {
            let _ = history.replace_state_with_url(&JsValue::NULL, "", Some(&path()));
        }
    }
}

/// The agent's token, when this visit began with one.
#[must_use]
pub fn token() -> Option<String> {
    session_get(TOKEN_KEY)
}

/// What follows the `#` in the address bar.
#[must_use]
pub fn fragment() -> String {
    window().location().hash().unwrap_or_default()
}

/// The secret of the link to somebody's terminal, when the address bar holds one. It stays there: a reload joins again.
#[must_use]
pub fn share_secret() -> Option<String> {
    fragment().strip_prefix("#join/").map(str::to_owned)
}

/// The link that a secret belongs into.
#[must_use]
pub fn join_link(secret: &str) -> String {
    link(&format!("/#join/{secret}"))
}

/// A path of the page as an address that can be given to others.
#[must_use]
pub fn link(path: &str) -> String {
    format!("{}{path}", window().location().origin().unwrap_or_default())
}

/// What others at the same terminal see the visitor as.
#[must_use]
pub fn visitor_name() -> Option<String> {
    local_get(NAME_KEY)
}

/// Remembers the visitor's name.
pub fn set_visitor_name(name: &str) {
    set(window().local_storage().ok().flatten(), NAME_KEY, name);
}

/// Milliseconds since 1970-01-01 UTC.
#[must_use]
pub fn now_ms() -> u64 {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a date in our time")]
    let now = js_sys::Date::now() as u64;
    now
}

/// Whether the page can be seen: neither behind another tab nor minimised.
#[must_use]
pub fn is_visible() -> bool {
    window().document().is_some_and(|document| !document.hidden())
}

/// What was stored for this tab of the browser; it survives a reload. None where storage is forbidden.
#[must_use]
pub fn session_get(key: &str) -> Option<String> {
    window().session_storage().ok()??.get_item(key).ok()?
}

/// Stores something for this tab of the browser.
pub fn session_set(key: &str, value: &str) {
    set(window().session_storage().ok().flatten(), key, value);
}

/// The visitor's choice between `light` and `dark`; none: as the system does.
#[must_use]
pub fn stored_theme() -> Option<String> {
    local_get(THEME_KEY)
}

fn local_get(key: &str) -> Option<String> {
    window().local_storage().ok()??.get_item(key).ok()?.filter(|value| !value.is_empty())
}

/// Puts the choice in force and remembers it. None goes back to the system's.
pub fn set_theme(theme: Option<&str>) {
    set(window().local_storage().ok().flatten(), THEME_KEY, theme.unwrap_or_default());
    apply_theme(theme);
}

/// Puts the choice in force.
pub fn apply_theme(theme: Option<&str>) {
    let Some(root) = window().document().and_then(|document| document.document_element()) else { return };
    let _ = match theme {
        Some(theme) => root.set_attribute("data-theme", theme),
        None => root.remove_attribute("data-theme"),
    };
}

fn set(storage: Option<Storage>, key: &str, value: &str) {
    // A full or forbidden storage costs convenience only.
    if let Some(storage) = storage {
        let _ = storage.set_item(key, value);
    }
}

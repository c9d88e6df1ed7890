//! One WebSocket and its listeners; both end when it is dropped.

use gloo_events::EventListener;
use js_sys::{ArrayBuffer, Uint8Array};
use porthole_protocol::version::SUBPROTOCOL;
use wasm_bindgen::JsCast;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};

/// What a socket tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    /// Messages may be sent.
    Opened,
    /// A control message.
    Text(String),
    /// A frame.
    Binary(Vec<u8>),
    /// It closed, with this code.
    Closed(u16),
}

/// A WebSocket.
pub struct Socket {
    socket: WebSocket,
    _listeners: [EventListener; 3],
}

impl Socket {
    /// Dials. `None` when the browser refuses to try.
    pub fn open(url: &str, handle: impl Fn(SocketEvent) + Clone + 'static) -> Option<Self> {
        let socket = WebSocket::new_with_str(url, SUBPROTOCOL).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let (on_open, on_message, on_close) = (handle.clone(), handle.clone(), handle);
        let listeners = [
            EventListener::new(&socket, "open", move |_| on_open(SocketEvent::Opened)),
            EventListener::new(&socket, "message", move |event| {
                if let Some(event) = received(event) {
                    on_message(event);
                }
            }),
            EventListener::new(&socket, "close", move |event| {
                let code = event.dyn_ref::<CloseEvent>().map_or(1006, CloseEvent::code);
                on_close(SocketEvent::Closed(code));
            }),
        ];
        Some(Self { socket, _listeners: listeners })
    }

    /// Sends a control message; lost when the socket is closing, as it would be a moment later.
    pub fn send_text(&self, text: &str) {
        let _ = self.socket.send_with_str(text);
    }

    /// Sends a frame; lost when the socket is closing.
    pub fn send_binary(&self, bytes: &[u8]) {
        let _ = self.socket.send_with_u8_array(bytes);
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = self.socket.close();
    }
}

fn received(event: &Event) -> Option<SocketEvent> {
    let data = event.dyn_ref::<MessageEvent>()?.data();
    match data.as_string() {
        Some(text) => Some(SocketEvent::Text(text)),
        None => Some(SocketEvent::Binary(Uint8Array::new(data.dyn_ref::<ArrayBuffer>()?).to_vec())),
    }
}

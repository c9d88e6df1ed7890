//! The owner of the connection: dials, greets, keeps alive, retries, and carries messages between socket and page.
//!
//! Nothing here holds a borrow of [`State`] while it dispatches to a store or writes to a screen: either may call back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use gloo_timers::callback::{Interval, Timeout};
use porthole_protocol::control::{ClientMessage, CloseCode, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::frame::{Frame, MAX_PAYLOAD_BYTES};
use porthole_protocol::ids::{Channel, ContainerId, RequestId};
use porthole_protocol::limits::{DEAD_AFTER_MS, PING_EVERY_MS};
use porthole_protocol::spec::Size;
use porthole_protocol::version::Generations;
use yew::UseReducerDispatcher;

use super::socket::{Socket, SocketEvent};
use crate::interop::browser;
use crate::state::attachments::Attachments;
use crate::state::connection::{Connection, ConnectionAction, Host, Phase};
use crate::state::kernel::{Kernel, KernelAction};
use crate::state::lists::{Lists, ListsAction};
use crate::state::tabs::{Origin, Status, TabKey, Tabs, TabsAction};
use crate::state::toasts::{Toasts, ToastsAction};

/// Where a tab's output goes.
pub trait Screen {
    /// Shows bytes, and later tells [`Client::rendered`] that they have been drawn.
    fn write(&self, bytes: &[u8]);
    /// Forgets what was shown.
    fn reset(&self);
}

/// Where news goes.
#[derive(Clone)]
pub struct Stores {
    /// The connection.
    pub connection: UseReducerDispatcher<Connection>,
    /// Containers and images.
    pub lists: UseReducerDispatcher<Lists>,
    /// Tabs.
    pub tabs: UseReducerDispatcher<Tabs>,
    /// The inspected container.
    pub kernel: UseReducerDispatcher<Kernel>,
    /// Messages to the visitor.
    pub toasts: UseReducerDispatcher<Toasts>,
}

/// The connection to the agent. Clones are the same connection; the last one dropped closes it.
#[derive(Clone)]
pub struct Client(Rc<Inner>);

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

struct Inner {
    stores: Stores,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    socket: Option<Socket>,
    retry: Option<Timeout>,
    heartbeat: Option<Interval>,
    connection: Connection,
    attachments: Attachments,
    screens: BTreeMap<TabKey, Rc<dyn Screen>>,
    inspected: Option<ContainerId>,
    heard_ms: f64,
}

impl State {
    fn live(&self) -> bool {
        self.connection.phase == Phase::Live
    }

    fn send(&self, message: &ClientMessage) {
        if let Some(socket) = &self.socket {
            socket.send_text(&serde_json::to_string(message).expect("messages have string keys only"));
        }
    }

    fn send_input(&self, due: Option<(Channel, Vec<u8>)>) {
        if let (Some((channel, bytes)), Some(socket)) = (due, &self.socket) {
            for payload in bytes.chunks(MAX_PAYLOAD_BYTES) {
                socket.send_binary(&Frame { channel, payload }.encode());
            }
        }
    }
}

impl Client {
    /// A client that reports to these stores. It dials at once.
    #[must_use]
    pub fn new(stores: Stores) -> Self {
        let client = Self(Rc::new(Inner { stores, state: RefCell::default() }));
        client.dial();
        client
    }

    /// Tries again now instead of when the pause is over.
    pub fn retry_now(&self) {
        if !self.0.state.borrow().live() {
            self.dial();
        }
    }

    /// A terminal is on the page and wants its process.
    pub fn open(&self, tab: TabKey, origin: Origin, size: Size, screen: Rc<dyn Screen>) {
        let mut state = self.0.state.borrow_mut();
        state.screens.insert(tab, screen);
        let live = state.live();
        if let Some(message) = state.attachments.add(tab, origin, size, live) {
            state.send(&message);
        }
    }

    /// A terminal left the page.
    pub fn close(&self, tab: TabKey) {
        let mut state = self.0.state.borrow_mut();
        state.screens.remove(&tab);
        if let Some(message) = state.attachments.remove(tab) {
            state.send(&message);
        }
    }

    /// Types into a terminal; without effect while it is not attached.
    pub fn input(&self, tab: TabKey, bytes: &[u8]) {
        let mut state = self.0.state.borrow_mut();
        let due = state.attachments.typed(tab, bytes);
        state.send_input(due);
    }

    /// A terminal has a new size.
    pub fn resized(&self, tab: TabKey, size: Size) {
        let mut state = self.0.state.borrow_mut();
        if let Some(message) = state.attachments.resized(tab, size) {
            state.send(&message);
        }
    }

    /// A terminal has drawn this many bytes.
    pub fn rendered(&self, tab: TabKey, bytes: u32) {
        let mut state = self.0.state.borrow_mut();
        if let Some(message) = state.attachments.rendered(tab, bytes) {
            state.send(&message);
        }
    }

    /// Watches this container instead of the one before.
    pub fn inspect(&self, container: Option<ContainerId>) {
        let before = std::mem::replace(&mut self.0.state.borrow_mut().inspected, container.clone());
        if before == container {
            return;
        }
        self.0.stores.kernel.dispatch(KernelAction::Inspect(container));
        if let Some(container) = before {
            self.send(&ClientMessage::Unwatch { container });
        }
        self.watch_inspected();
    }

    /// Stops a container: its stop signal, then SIGKILL.
    pub fn stop(&self, container: ContainerId) {
        self.request(|request| ClientMessage::Stop { request, container });
    }

    /// Removes a container, running or not.
    pub fn remove(&self, container: ContainerId) {
        self.request(|request| ClientMessage::Remove { request, container, force: true });
    }

    fn request(&self, message: impl FnOnce(RequestId) -> ClientMessage) {
        let request = self.0.state.borrow_mut().attachments.next_request();
        self.send(&message(request));
    }

    fn send(&self, message: &ClientMessage) {
        let state = self.0.state.borrow();
        if state.live() {
            state.send(message);
        }
    }

    fn watch_inspected(&self) {
        let inspected = self.0.state.borrow().inspected.clone();
        if let Some(container) = inspected {
            self.request(|request| ClientMessage::Inspect { request, container: container.clone() });
            self.send(&ClientMessage::Watch { container });
        }
    }

    fn became(&self, action: ConnectionAction) {
        let mut state = self.0.state.borrow_mut();
        state.connection = state.connection.after(action.clone());
        drop(state);
        self.0.stores.connection.dispatch(action);
    }

    fn dial(&self) {
        let handle = {
            let weak = Rc::downgrade(&self.0);
            move |event| with(&weak, |client| client.handle(event))
        };
        let socket = Socket::open(&browser::socket_url(), handle);
        let mut state = self.0.state.borrow_mut();
        state.retry = None;
        state.heartbeat = None;
        // The old socket, if any, goes after the borrow: its close must not find the state taken.
        let old = std::mem::replace(&mut state.socket, socket);
        let failed = state.socket.is_none();
        drop(state);
        drop(old);
        self.became(ConnectionAction::Dialled);
        if failed {
            self.lost();
        }
    }

    fn lost(&self) {
        let weak = Rc::downgrade(&self.0);
        let mut state = self.0.state.borrow_mut();
        state.heartbeat = None;
        let unanswered = state.attachments.disconnected();
        drop(state);
        self.became(ConnectionAction::Lost);
        for tab in unanswered {
            let error = WireError::new(
                ErrorCode::ShuttingDown,
                "The connection was lost before the agent answered.",
                "If the container was launched, it is in the list.",
            );
            self.0.stores.tabs.dispatch(TabsAction::Became(tab, Status::Failed(error)));
        }
        let mut state = self.0.state.borrow_mut();
        if state.connection.phase == Phase::Waiting {
            let delay = state.connection.retry_delay_ms(js_sys::Math::random());
            state.retry = Some(Timeout::new(delay, move || with(&weak, Client::dial)));
        }
    }

    fn beat(&self) {
        let silent_ms = js_sys::Date::now() - self.0.state.borrow().heard_ms;
        #[expect(clippy::cast_precision_loss, reason = "30 000")]
        if silent_ms > DEAD_AFTER_MS as f64 {
            self.dial();
        } else {
            self.send(&ClientMessage::Ping { nonce: 0 });
        }
    }

    fn handle(&self, event: SocketEvent) {
        self.0.state.borrow_mut().heard_ms = js_sys::Date::now();
        match event {
            SocketEvent::Opened => {
                let hello = ClientMessage::Hello {
                    generations: Generations::OURS,
                    token: browser::token(),
                    client: format!("porthole-web {}", env!("CARGO_PKG_VERSION")),
                };
                self.0.state.borrow().send(&hello);
            }
            // A message that does not parse is one of a newer agent with a field of a new kind; ignored like an unknown one.
            SocketEvent::Text(text) => {
                if let Ok(message) = serde_json::from_str(&text) {
                    self.message(message);
                }
            }
            SocketEvent::Binary(bytes) => self.frame(&bytes),
            SocketEvent::Closed(code) => self.closed(code),
        }
    }

    fn frame(&self, bytes: &[u8]) {
        let Ok(frame) = Frame::decode(bytes) else { return };
        let mut state = self.0.state.borrow_mut();
        let tab = state.attachments.output(frame.channel, frame.payload.len());
        let screen = tab.and_then(|tab| state.screens.get(&tab).cloned());
        drop(state);
        if let Some(screen) = screen {
            screen.write(frame.payload);
        }
    }

    fn closed(&self, code: u16) {
        if code == CloseCode::Unauthorized as u16 {
            self.became(ConnectionAction::Refused(WireError::new(
                ErrorCode::Unauthorized,
                "The agent wants its token.",
                "Open the link that `porthole serve` printed, with everything after the #.",
            )));
        } else if code == CloseCode::VersionMismatch as u16 {
            self.became(ConnectionAction::Refused(WireError::new(
                ErrorCode::VersionMismatch,
                "This page and the agent are of different versions.",
                "Reload the page.",
            )));
        }
        self.lost();
    }

    fn welcomed(&self, host: Host) {
        let weak = Rc::downgrade(&self.0);
        #[expect(clippy::cast_possible_truncation, reason = "10 000")]
        let heartbeat = Interval::new(PING_EVERY_MS as u32, move || with(&weak, Client::beat));
        self.0.state.borrow_mut().heartbeat = Some(heartbeat);
        self.became(ConnectionAction::Welcomed(host));
        let mut state = self.0.state.borrow_mut();
        for message in state.attachments.connected() {
            state.send(&message);
        }
        drop(state);
        self.watch_inspected();
    }

    fn message(&self, message: ServerMessage) {
        let stores = &self.0.stores;
        match message {
            ServerMessage::Welcome { generation: _, version, kernel, rootless, lacks } => {
                self.welcomed(Host { version, kernel, rootless, lacks });
            }
            ServerMessage::Error { request, error } => self.failed(request, error),
            ServerMessage::Attached { request, container, process, channels } => {
                let mut state = self.0.state.borrow_mut();
                let attached = state.attachments.attached(request, container, process, &channels);
                let screen = attached.as_ref().and_then(|at| state.screens.get(&at.tab).cloned());
                drop(state);
                if let Some(attached) = attached {
                    if let Some(screen) = screen.filter(|_| attached.gap) {
                        screen.reset();
                    }
                    stores.tabs.dispatch(TabsAction::Attached(attached.tab, attached.place));
                }
            }
            ServerMessage::Skipped { channel, offset } => {
                let mut state = self.0.state.borrow_mut();
                let tab = state.attachments.skipped(channel, offset);
                let screen = tab.and_then(|tab| state.screens.get(&tab).cloned());
                drop(state);
                if let Some(screen) = screen {
                    screen.reset();
                }
            }
            ServerMessage::Credit { channel, bytes } => {
                let mut state = self.0.state.borrow_mut();
                let due = state.attachments.taken(channel, bytes);
                state.send_input(due);
            }
            ServerMessage::Exited { container, process, exit } => {
                let tabs = self.0.state.borrow_mut().attachments.exited(&container, process);
                for tab in tabs {
                    stores.tabs.dispatch(TabsAction::Became(tab, Status::Exited(exit)));
                }
            }
            ServerMessage::Detached { channel } => {
                let tab = self.0.state.borrow_mut().attachments.detached(channel);
                if let Some(tab) = tab {
                    stores.tabs.dispatch(TabsAction::Became(tab, Status::Removed));
                }
            }
            ServerMessage::Containers { containers } => {
                stores.lists.dispatch(ListsAction::Containers(containers))
            }
            ServerMessage::Images { images } => stores.lists.dispatch(ListsAction::Images(images)),
            ServerMessage::Launched { request: _, container }
            | ServerMessage::Detail { request: _, container } => {
                stores.kernel.dispatch(KernelAction::Detail(container));
            }
            ServerMessage::Kernel { container, view } => {
                stores.kernel.dispatch(KernelAction::View(container, view));
            }
            ServerMessage::Ping { nonce } => self.send(&ClientMessage::Pong { nonce }),
            ServerMessage::Done { .. } | ServerMessage::Pong { .. } | ServerMessage::Unknown => {}
        }
    }

    fn failed(&self, request: Option<RequestId>, error: WireError) {
        let tab = request.and_then(|request| self.0.state.borrow_mut().attachments.failed(request));
        match tab {
            Some(tab) => self.0.stores.tabs.dispatch(TabsAction::Became(tab, Status::Failed(error))),
            None if matches!(
                error.code,
                ErrorCode::Unauthorized | ErrorCode::VersionMismatch | ErrorCode::ForbiddenOrigin
            ) =>
            {
                self.became(ConnectionAction::Refused(error));
            }
            // The close that follows says as much, and the page retries.
            None if error.code == ErrorCode::ShuttingDown => {}
            None => self.0.stores.toasts.dispatch(ToastsAction::Failure(error)),
        }
    }
}

fn with(client: &Weak<Inner>, act: impl FnOnce(&Client)) {
    if let Some(inner) = client.upgrade() {
        act(&Client(inner));
    }
}

//! The owner of the connection: dials, greets, keeps alive, retries, and carries messages between socket and page.
//!
//! Nothing here holds a borrow of [`State`] while it dispatches to a store or writes to a screen: either may call back.

mod lifecycle;
mod receive;

use std::cell::RefCell;
use std::rc::Rc;

use gloo_events::EventListener;
use gloo_timers::callback::{Interval, Timeout};
use porthole_protocol::control::ClientMessage;
use porthole_protocol::frame::{Frame, MAX_PAYLOAD_BYTES};
use porthole_protocol::ids::{Channel, ContainerId, PersonId, RequestId};
use porthole_protocol::spec::{Limits, Size};
use yew::UseReducerDispatcher;

use super::json;
use super::socket::Socket;
use crate::interop::browser;
use crate::interop::terminal::Told;
use crate::state::attachments::{Attachments, KEPT_INPUT_BYTES, Typed};
use crate::state::connection::{Connection, Phase};
use crate::state::few::Few;
use crate::state::kernel::{Kernel, KernelAction};
use crate::state::lists::Lists;
use crate::state::tabs::{Origin, Place, TabKey, Tabs, TabsAction};
use crate::state::toasts::{Toasts, ToastsAction};
use crate::state::transfers::{Transfers, TransfersAction};

/// Where a tab's output goes.
pub trait Screen {
    /// Shows bytes, and later tells [`Client::rendered`] that they have been drawn.
    fn write(&self, bytes: &[u8]);
    /// Forgets what was shown, and says that earlier output is gone. Of what comes, `old` bytes are old, as in `attached`.
    fn reset(&self, old: u64);
    /// Starts anew with this screen, which was drawn at this size, and says that earlier output is gone; `old` as in `reset`.
    fn snapshot(&self, size: Size, screen: &str, old: u64);
    /// The terminal is attached. Questions in the next `old` bytes are not answered.
    fn attached(&self, old: u64);
    /// There is no connection; so many bytes were typed and will be sent, or the last ones were `dropped`.
    fn away(&self, typed: usize, dropped: bool);
    /// Shows this size, scaled, instead of filling its place; none fills it again.
    fn follow(&self, size: Option<Size>);
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
    /// Images on their way.
    pub transfers: UseReducerDispatcher<Transfers>,
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
    probe: Option<Timeout>,
    _wake: Vec<EventListener>,
    connection: Connection,
    attachments: Attachments,
    screens: Few<TabKey, Rc<dyn Screen>>,
    inspected: Option<ContainerId>,
    /// Images asked for whose request has not been answered; none once the visitor has given one up.
    pulls: Few<RequestId, Option<String>>,
    heard_ms: f64,
}

impl State {
    fn live(&self) -> bool {
        self.connection.phase == Phase::Live
    }

    fn send(&self, message: &ClientMessage) {
        if let Some(socket) = &self.socket {
            socket.send_text(&json::write(message));
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
        client.listen();
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
        match state.attachments.add(tab, origin, size, live, browser::random()) {
            Some(message) => state.send(&message),
            // Before the first welcome there is nothing to come back to.
            None if state.connection.host.is_some() => {
                let screen = state.screens.get(&tab).cloned();
                drop(state);
                screen.iter().for_each(|screen| screen.away(0, false));
            }
            None => {}
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

    /// Gives up a launch that waits. What becomes of it is told to its tab.
    pub fn cancel_launch(&self, tab: TabKey) {
        let state = self.0.state.borrow();
        if let Some(message) = state.attachments.cancel_launch(tab) {
            state.send(&message);
        }
    }

    /// Changes limits of a container that lives; the missing ones stay.
    pub fn update(&self, container: ContainerId, limits: Limits) {
        self.request(|request| ClientMessage::Update { request, container, limits });
    }

    /// Types into a terminal. While there is no connection it is kept, and the screen says so.
    pub fn input(&self, tab: TabKey, bytes: &[u8]) {
        let mut state = self.0.state.borrow_mut();
        let (typed, dropped) = match state.attachments.typed(tab, bytes) {
            Typed::Send(channel, due) => return state.send_input(Some((channel, due))),
            Typed::Kept(typed) => (typed, false),
            Typed::Dropped => (KEPT_INPUT_BYTES, true),
            Typed::Nobody => return,
        };
        // What is typed while a terminal opens is sent a moment later: nothing to say.
        let screen = if state.live() { None } else { state.screens.get(&tab).cloned() };
        drop(state);
        if let Some(screen) = screen {
            screen.away(typed, dropped);
        }
    }

    /// A terminal says something: to its tab, to the visitor, or, when it took the focus, to the agent, as it is to have the
    /// size of this page then.
    pub fn told(&self, tab: TabKey, told: Told) {
        let stores = &self.0.stores;
        match told {
            Told::Title(title) => stores.tabs.dispatch(TabsAction::Titled(tab, title)),
            Told::Bell => stores.tabs.dispatch(TabsAction::Rang(tab)),
            Told::Note(text) => stores.toasts.dispatch(ToastsAction::Note(text)),
            Told::Focused => {
                let mut state = self.0.state.borrow_mut();
                if let Some(message) = state.attachments.focused(tab) {
                    state.send(&message);
                }
            }
        }
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

    /// Pulls an image. What becomes of it is told to the transfers.
    pub fn pull(&self, name: String) {
        let mut state = self.0.state.borrow_mut();
        let request = state.attachments.next_request();
        state.pulls.insert(request, Some(name.clone()));
        if state.live() {
            state.send(&ClientMessage::Pull { request, name: name.clone() });
        }
        drop(state);
        self.0.stores.transfers.dispatch(TransfersAction::Asked(request, name));
    }

    /// Gives up a pull. Others who wait for the same image go on.
    pub fn cancel_pull(&self, pull: RequestId) {
        self.0.state.borrow_mut().pulls.insert(pull, None);
        self.send(&ClientMessage::CancelPull { pull });
        self.0.stores.transfers.dispatch(TransfersAction::Dismiss(pull));
    }

    /// Says who may type into a terminal: one of the people there, or everyone whose link allows it.
    pub fn keyboard(&self, place: &Place, holder: Option<PersonId>) {
        let Place { container, process } = place.clone();
        self.request(|request| ClientMessage::Keyboard { request, container, process, holder });
    }

    /// Begins or ends the recording of a terminal.
    pub fn record(&self, place: &Place, on: bool) {
        let Place { container, process } = place.clone();
        self.request(|request| ClientMessage::Record { request, container, process, on });
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
}

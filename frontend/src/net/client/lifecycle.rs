//! The connection's life: dial, welcome, keep alive, lose, retry.

use std::rc::{Rc, Weak};

use gloo_timers::callback::{Interval, Timeout};
use porthole_protocol::control::{ClientMessage, CloseCode};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::limits::{DEAD_AFTER_MS, PING_EVERY_MS};

use super::{Client, Inner};
use crate::interop::browser;
use crate::net::socket::Socket;
use crate::state::connection::{ConnectionAction, Host, Phase};
use crate::state::tabs::{Status, TabsAction};

impl Client {
    pub(super) fn became(&self, action: ConnectionAction) {
        let mut state = self.0.state.borrow_mut();
        state.connection = state.connection.after(action.clone());
        drop(state);
        self.0.stores.connection.dispatch(action);
    }

    pub(super) fn dial(&self) {
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
        let mut state = self.0.state.borrow_mut();
        let silent_ms = js_sys::Date::now() - state.heard_ms;
        #[expect(clippy::cast_precision_loss, reason = "30 000")]
        if silent_ms > DEAD_AFTER_MS as f64 {
            let dead = state.socket.take();
            drop(state);
            drop(dead);
            self.lost();
        } else {
            state.send(&ClientMessage::Ping { nonce: 0 });
        }
    }

    pub(super) fn closed(&self, code: u16) {
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
        } else if code == CloseCode::Ended as u16 && !self.is_refused() {
            let sentence = match browser::share_secret() {
                Some(_) => "This link no longer opens anything: it was taken back, or its time is over.",
                None => "Your session has ended, and its containers with it.",
            };
            self.became(ConnectionAction::Refused(WireError::new(ErrorCode::NoSuchShare, sentence, "")));
        }
        self.lost();
    }

    fn is_refused(&self) -> bool {
        matches!(self.0.state.borrow().connection.phase, Phase::Refused(_))
    }

    pub(super) fn welcomed(&self, host: Host) {
        let weak = Rc::downgrade(&self.0);
        #[expect(clippy::cast_possible_truncation, reason = "10 000")]
        let heartbeat = Interval::new(PING_EVERY_MS as u32, move || with(&weak, Client::beat));
        self.0.state.borrow_mut().heartbeat = Some(heartbeat);
        self.became(ConnectionAction::Welcomed(host));
        let mut state = self.0.state.borrow_mut();
        for message in state.attachments.connected() {
            state.send(&message);
        }
        // The agent gave them up with the connection; what had arrived is not fetched again.
        state.pulls.retain(Option::is_some);
        for &(request, ref name) in state.pulls.iter() {
            let pull = name.clone().map(|name| ClientMessage::Pull { request, name });
            pull.iter().for_each(|pull| state.send(pull));
        }
        drop(state);
        self.watch_inspected();
    }
}

fn with(client: &Weak<Inner>, act: impl FnOnce(&Client)) {
    if let Some(inner) = client.upgrade() {
        act(&Client(inner));
    }
}

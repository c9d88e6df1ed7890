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

/// How long what was under way when the network went or came may still arrive, in milliseconds: it proves nothing.
const SETTLE_MS: u32 = 500;
/// How long a connection that may have died has for an answer, in milliseconds.
const PROBE_MS: u32 = 4_000;

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
        state.probe = None;
        let waiting = state.attachments.disconnected();
        let screens: Vec<_> = waiting
            .iter()
            .filter_map(|(tab, typed)| Some((state.screens.get(tab)?.clone(), *typed)))
            .collect();
        drop(state);
        self.became(ConnectionAction::Lost);
        for (screen, typed) in screens {
            screen.away(typed, false);
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
        // One beat early: between two beats it would be noticed too late.
        #[expect(clippy::cast_precision_loss, reason = "20 000")]
        if silent_ms > (DEAD_AFTER_MS - PING_EVERY_MS) as f64 {
            let dead = state.socket.take();
            drop(state);
            drop(dead);
            self.lost();
        } else {
            state.send(&ClientMessage::Ping { nonce: 0 });
        }
    }

    /// Looks after the connection as soon as the network comes or goes, or the page can be seen again.
    pub(super) fn listen(&self) {
        let weak = Rc::downgrade(&self.0);
        self.0.state.borrow_mut()._wake =
            browser::on_wake(move |reachable| with(&weak, |client| client.wake(reachable)));
    }

    fn wake(&self, reachable: bool) {
        let mut state = self.0.state.borrow_mut();
        match state.connection.phase {
            Phase::Waiting if reachable => {
                drop(state);
                self.dial();
            }
            // The socket may have died while the machine slept: it has a moment to prove that it lives.
            Phase::Live => {
                let weak = Rc::downgrade(&self.0);
                state.probe = Some(Timeout::new(SETTLE_MS, move || with(&weak, Client::probe)));
            }
            _ => {}
        }
    }

    fn probe(&self) {
        let weak = Rc::downgrade(&self.0);
        let asked_ms = js_sys::Date::now();
        let mut state = self.0.state.borrow_mut();
        state.send(&ClientMessage::Ping { nonce: 0 });
        let over = move || with(&weak, |client| client.probed(asked_ms));
        state.probe = Some(Timeout::new(PROBE_MS, over));
    }

    fn probed(&self, asked_ms: f64) {
        let mut state = self.0.state.borrow_mut();
        state.probe = None;
        if state.heard_ms < asked_ms {
            let dead = state.socket.take();
            drop(state);
            drop(dead);
            self.lost();
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
        } else if code == CloseCode::Ended as u16 {
            // The error that came before says why, if one did; that there is no way back, only the close does.
            let said = match &self.0.state.borrow().connection.phase {
                Phase::Refused(error) => error.clone(),
                _ => WireError::new(ErrorCode::NoSuchShare, "This has ended.", ""),
            };
            self.became(ConnectionAction::Refused(WireError { code: ErrorCode::NoSuchShare, ..said }));
        }
        self.lost();
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

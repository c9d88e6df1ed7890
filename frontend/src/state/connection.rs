//! The connection to the agent, as a state machine.
//!
//! ```text
//!   Connecting ──Welcomed──▶ Live ──Lost──▶ Waiting ──Dialled──▶ Connecting
//!        └──────────────────Lost───────────────▲
//!   any ──Refused──▶ Refused        (nothing a retry could change)
//! ```

use std::rc::Rc;

use porthole_protocol::error::WireError;
use porthole_protocol::session::{Opened, Session};
use yew::Reducible;

/// First pause before a retry, in milliseconds.
const FIRST_DELAY_MS: u32 = 250;
/// Longest pause before a retry, in milliseconds.
const LONGEST_DELAY_MS: u32 = 8_000;

/// What the agent said about itself and its host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Host {
    /// Version of the agent.
    pub version: String,
    /// The kernel's release.
    pub kernel: String,
    /// Whether the launcher runs without root.
    pub rootless: bool,
    /// What this host lacks, one sentence each.
    pub lacks: Vec<String>,
    /// The visitor's session, where there is one.
    pub session: Option<Session>,
    /// What the link in the address bar opens.
    pub share: Option<Opened>,
}

/// Where the connection is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Dialling, or waiting for the agent's welcome.
    #[default]
    Connecting,
    /// Messages flow.
    Live,
    /// Lost; a retry is due.
    Waiting,
    /// The agent will not talk to this page.
    Refused(WireError),
}

/// The connection and what was learned through it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Where it is.
    pub phase: Phase,
    /// Losses in a row without a welcome between.
    pub failures: u32,
    /// The host, once welcomed; kept while reconnecting.
    pub host: Option<Rc<Host>>,
}

/// What happened to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConnectionAction {
    /// A new socket was opened.
    Dialled,
    /// The agent welcomed the page.
    Welcomed(Host),
    /// The visitor's session changed.
    Session(Session),
    /// The socket closed, or stayed silent too long.
    Lost,
    /// The agent refused for good.
    Refused(WireError),
}

impl Connection {
    /// The connection after this.
    #[must_use]
    pub fn after(&self, action: ConnectionAction) -> Self {
        let mut next = self.clone();
        match action {
            ConnectionAction::Dialled => next.phase = Phase::Connecting,
            ConnectionAction::Welcomed(host) => {
                next = Self { phase: Phase::Live, failures: 0, host: Some(Rc::new(host)) };
            }
            ConnectionAction::Session(session) => {
                if let Some(host) = &mut next.host {
                    Rc::make_mut(host).session = Some(session);
                }
            }
            ConnectionAction::Lost if matches!(self.phase, Phase::Refused(_)) => {}
            ConnectionAction::Lost => {
                next.phase = Phase::Waiting;
                next.failures = self.failures.saturating_add(1);
            }
            ConnectionAction::Refused(error) => next.phase = Phase::Refused(error),
        }
        next
    }

    /// Whether the page is the owner's, who may do everything; not before that is known.
    #[must_use]
    pub fn is_owners(&self) -> bool {
        self.host.as_ref().is_some_and(|host| host.session.as_ref().is_none_or(|session| session.owner))
    }

    /// Milliseconds to wait before the next attempt: doubling, with up to half of it at random so that many pages
    /// do not return in step. `jitter` is in 0..1.
    #[must_use]
    pub fn retry_delay_ms(&self, jitter: f64) -> u32 {
        let doublings = self.failures.saturating_sub(1).min(10);
        let full = (FIRST_DELAY_MS << doublings).min(LONGEST_DELAY_MS);
        let half = f64::from(full / 2);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 ≤ delay ≤ 8000")]
        let delay = (half + half * jitter.clamp(0.0, 1.0)) as u32;
        delay
    }
}

impl Reducible for Connection {
    type Action = ConnectionAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::error::ErrorCode;

    use super::*;

    fn lost(times: u32) -> Connection {
        (0..times).fold(Connection::default(), |state, _| state.after(ConnectionAction::Lost))
    }

    #[test]
    fn a_lost_connection_waits_dials_and_is_live_again_with_its_failures_forgotten() {
        let waiting = lost(3);
        assert_eq!((&waiting.phase, waiting.failures), (&Phase::Waiting, 3));
        let dialled = waiting.after(ConnectionAction::Dialled);
        assert_eq!((&dialled.phase, dialled.failures), (&Phase::Connecting, 3));
        let live = dialled.after(ConnectionAction::Welcomed(Host::default()));
        assert_eq!((&live.phase, live.failures), (&Phase::Live, 0));
    }

    #[test]
    fn the_host_is_remembered_while_reconnecting() {
        let host = Host { kernel: "6.1.0".into(), ..Host::default() };
        let lost =
            Connection::default().after(ConnectionAction::Welcomed(host)).after(ConnectionAction::Lost);
        assert_eq!(lost.host.as_ref().map(|host| host.kernel.as_str()), Some("6.1.0"));
    }

    #[test]
    fn what_only_owners_may_is_shown_to_nobody_before_it_is_known() {
        let welcomed = |session| {
            let host = Host { session, ..Host::default() };
            Connection::default().after(ConnectionAction::Welcomed(host))
        };
        let session = |owner| Session {
            id: "4f2a".into(),
            created_ms: 0,
            expires_ms: None,
            extends_to_ms: None,
            ends_by_ms: None,
            containers: 0,
            max_containers: None,
            owner,
        };
        assert!(!Connection::default().is_owners());
        assert!(welcomed(None).is_owners() && welcomed(Some(session(true))).is_owners());
        assert!(!welcomed(Some(session(false))).is_owners());
        assert!(!welcomed(None).after(ConnectionAction::Session(session(false))).is_owners());
    }

    #[test]
    fn pauses_double_up_to_eight_seconds_and_never_fall_below_half() {
        let pauses: Vec<_> = (1..9).map(|n| lost(n).retry_delay_ms(1.0)).collect();
        assert_eq!(pauses, [250, 500, 1000, 2000, 4000, 8000, 8000, 8000]);
        assert_eq!(lost(40).retry_delay_ms(0.0), 4000);
    }

    #[test]
    fn a_refusal_is_final_even_when_the_socket_closes_after_it() {
        let error = WireError::new(ErrorCode::Unauthorized, "The token is wrong.", "Open the start-up link.");
        let refused = Connection::default().after(ConnectionAction::Refused(error.clone()));
        assert_eq!(refused.after(ConnectionAction::Lost).phase, Phase::Refused(error));
    }
}

//! What arrives, and where it goes.

use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::frame::Frame;
use porthole_protocol::ids::RequestId;
use porthole_protocol::spec::Size;
use porthole_protocol::version::Generations;

use super::Client;
use crate::interop::browser;
use crate::net::json;
use crate::net::socket::SocketEvent;
use crate::state::company::Company;
use crate::state::connection::{ConnectionAction, Host};
use crate::state::kernel::KernelAction;
use crate::state::lists::ListsAction;
use crate::state::tabs::{Place, Status, TabsAction};
use crate::state::toasts::ToastsAction;
use crate::state::transfers::TransfersAction;

impl Client {
    pub(super) fn handle(&self, event: SocketEvent) {
        self.0.state.borrow_mut().heard_ms = js_sys::Date::now();
        match event {
            SocketEvent::Opened => {
                let hello = ClientMessage::Hello {
                    generations: Generations::OURS,
                    token: browser::token(),
                    client: format!("porthole-web {}", env!("CARGO_PKG_VERSION")),
                    share: browser::share_secret(),
                    name: browser::visitor_name(),
                };
                self.0.state.borrow().send(&hello);
            }
            // A message that does not parse is one of a newer agent with a field of a new kind; ignored like an unknown one.
            SocketEvent::Text(text) => {
                if let Ok(message) = json::message(&text) {
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

    fn message(&self, message: ServerMessage) {
        let stores = &self.0.stores;
        match message {
            ServerMessage::Welcome { generation: _, version, kernel, rootless, lacks, session, share } => {
                self.welcomed(Host { version, kernel, rootless, lacks, session, share });
            }
            ServerMessage::Error { request, error } => self.failed(request, error),
            ServerMessage::Attached { request, container, process, channels } => {
                let mut state = self.0.state.borrow_mut();
                let attached = state.attachments.attached(request, container, process, &channels);
                let screen = attached.as_ref().and_then(|at| state.screens.get(&at.tab).cloned());
                if let Some(at) = &attached {
                    at.resize.iter().for_each(|resize| state.send(resize));
                    state.send_input(Some(at.input.clone()));
                }
                drop(state);
                if let Some(attached) = attached {
                    if let Some(screen) = screen {
                        if attached.gap {
                            screen.reset(attached.old);
                        }
                        screen.attached(attached.old);
                    }
                    stores.tabs.dispatch(TabsAction::Attached(attached.tab, attached.place));
                }
            }
            ServerMessage::Skipped { channel, offset } => {
                let mut state = self.0.state.borrow_mut();
                let skipped = state.attachments.skipped(channel, offset);
                let screen = skipped.and_then(|(tab, old)| Some((state.screens.get(&tab)?.clone(), old)));
                drop(state);
                if let Some((screen, old)) = screen {
                    screen.reset(old);
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
            ServerMessage::Transfers { transfers } => {
                stores.transfers.dispatch(TransfersAction::All(transfers));
            }
            ServerMessage::Done { request } => {
                let pulled = self.0.state.borrow_mut().pulls.remove(&request);
                if let Some(Some(name)) = pulled {
                    stores.transfers.dispatch(TransfersAction::Done(request));
                    stores.toasts.dispatch(ToastsAction::Note(format!("{name} is here.")));
                }
            }
            ServerMessage::Queued { request, position, reason } => {
                let tab = self.0.state.borrow().attachments.queued(request);
                if let Some(tab) = tab {
                    stores.tabs.dispatch(TabsAction::Became(tab, Status::Queued { position, reason }));
                }
            }
            ServerMessage::People { container, process, people, you, keyboard, size } => {
                let company = Company { people, you, keyboard, size };
                let owner = company.me().is_none_or(|me| me.owner);
                let place = Place { container: container.clone(), process };
                self.0.state.borrow_mut().attachments.let_type(&place, company.i_type());
                self.sized(&place, size, owner);
                stores.lists.dispatch(ListsAction::People(Place { container, process }, company));
            }
            ServerMessage::Session { session } => self.became(ConnectionAction::Session(session)),
            ServerMessage::Screen { channel, offset, size, screen } => {
                let mut state = self.0.state.borrow_mut();
                let skipped = state.attachments.skipped(channel, offset);
                let shown = skipped.and_then(|(tab, old)| Some((state.screens.get(&tab)?.clone(), old)));
                drop(state);
                if let Some((shown, old)) = shown {
                    shown.snapshot(size, &screen, old);
                }
            }
            ServerMessage::Pong { .. } | ServerMessage::Unknown => {}
        }
    }

    fn sized(&self, place: &Place, size: Size, owner: bool) {
        let mut state = self.0.state.borrow_mut();
        let sized = state.attachments.sized(place, size, owner);
        let screens: Vec<_> =
            sized.iter().filter_map(|(tab, size)| Some((state.screens.get(tab)?.clone(), *size))).collect();
        drop(state);
        for (screen, size) in screens {
            screen.follow(size);
        }
    }

    fn failed(&self, request: Option<RequestId>, error: WireError) {
        let stores = &self.0.stores;
        if let Some(pull) = request.filter(|pull| self.0.state.borrow_mut().pulls.remove(pull).is_some()) {
            return stores.transfers.dispatch(TransfersAction::Failed(pull, error));
        }
        let tab = request.and_then(|request| self.0.state.borrow_mut().attachments.failed(request));
        match tab {
            Some(tab) => stores.tabs.dispatch(TabsAction::Became(tab, Status::Failed(error))),
            None if matches!(
                error.code,
                ErrorCode::Unauthorized
                    | ErrorCode::VersionMismatch
                    | ErrorCode::ForbiddenOrigin
                    | ErrorCode::NoSuchShare
            ) =>
            {
                self.became(ConnectionAction::Refused(error));
            }
            // The close that follows says as much, and the page retries.
            None if error.code == ErrorCode::ShuttingDown => {}
            None => stores.toasts.dispatch(ToastsAction::Failure(error)),
        }
    }
}

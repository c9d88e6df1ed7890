//! Who asks, and what that opens: the one place that decides.
//!
//! | | the owner | a visitor | a guest, by a share's link |
//! |---|---|---|---|
//! | containers | all | those of the session | one, and of it one terminal |
//! | images | all, and what changes them | those that are there, to look at and to launch | none |
//! | launches | all | within quotas, without what is not allowed | none |
//!
//! What is not one's own is not there: whoever asks for it cannot tell it from what never was.

use axum::extract::{FromRequestParts, OptionalFromRequestParts};
use axum::http::request::Parts;
use porthole_launcher::plan::Step;
use porthole_protocol::control::ClientMessage;
use porthole_protocol::error::{ErrorCode, WireError};
use porthole_protocol::http::{ContainerSummary, Offers};
use porthole_protocol::ids::{PersonId, ProcessNumber};
use porthole_protocol::recording::Recording;
use porthole_protocol::session::{May, Opened, Person, Session};
use porthole_protocol::spec::LaunchSpec;

use super::guest::{Guest, no_such_share};
use super::{App, extras};
use crate::container::registry::Registry;
use crate::container::{Container, ContainerError, Prepared};
use crate::files::{Files, Owner};
use crate::http::error::{Answer, Refusal};
use crate::image::Images;
use crate::people;
use crate::recording::{RecordingError, Source};
use crate::session::{SessionError, Visitor};
use crate::terminal::Terminal;

/// Who asks.
#[derive(Clone)]
pub(in crate::http) enum Who {
    /// Whoever has the token; anyone, where none is demanded.
    Owner,
    /// Somebody with a session.
    Visitor(Visitor),
    /// Somebody with a share's link.
    Guest(Box<Guest>),
}

/// Somebody who asks, with all that he may reach.
#[derive(Clone)]
pub(in crate::http) struct Caller {
    app: App,
    who: Who,
}

impl FromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Self> {
        let who = parts.extensions.get::<Who>().cloned().ok_or_else(nobody)?;
        Ok(Self::new(app.clone(), who))
    }
}

impl OptionalFromRequestParts<App> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Answer<Option<Self>> {
        Ok(parts.extensions.get::<Who>().cloned().map(|who| Self::new(app.clone(), who)))
    }
}

impl Caller {
    pub(in crate::http) fn new(app: App, who: Who) -> Self {
        Self { app, who }
    }

    /// What belongs to nobody.
    pub(in crate::http) fn app(&self) -> &App {
        &self.app
    }

    pub(in crate::http) fn who(&self) -> &Who {
        &self.who
    }

    /// Everything, for what the owner alone may do.
    ///
    /// # Errors
    /// `forbidden`.
    pub(in crate::http) fn owner(&self) -> Answer<&Registry> {
        match &self.who {
            Who::Owner => Ok(&self.app.registry),
            Who::Visitor(_) | Who::Guest(_) => Err(owners_alone()),
        }
    }

    /// Whoever has this share's secret.
    ///
    /// # Errors
    /// `no_such_share`.
    pub(in crate::http) fn guest(app: &App, secret: &str) -> Answer<Self> {
        let guest = Guest::by(&app.registry, secret).ok_or_else(|| Refusal(no_such_share()))?;
        Ok(Self::new(app.clone(), Who::Guest(Box::new(guest))))
    }

    /// The images, to look at them.
    pub(in crate::http) fn images(&self) -> Answer<&Images> {
        match &self.who {
            Who::Owner | Who::Visitor(_) => Ok(self.app.registry.images()),
            Who::Guest(_) => Err(not_by_a_share()),
        }
    }

    /// Whether a container is there for the caller.
    fn sees(&self, container: &Container) -> bool {
        match &self.who {
            Who::Owner => true,
            Who::Visitor(visitor) => container.session().as_deref() == Some(visitor.id()),
            Who::Guest(guest) => container.id() == guest.container().id(),
        }
    }

    /// The container by id, name, or the beginning of its id.
    ///
    /// # Errors
    /// As [`Registry::find_among`]; what is not the caller's is not there.
    pub(in crate::http) fn find(&self, text: &str) -> Result<Container, ContainerError> {
        self.app.registry.find_among(text, |container| self.sees(container))
    }

    /// A process's terminal or pipes, to attach to.
    ///
    /// # Errors
    /// As [`Caller::find`], and when there is no such process.
    pub(in crate::http) fn terminal(
        &self,
        container: &str,
        process: ProcessNumber,
    ) -> Result<Terminal, ContainerError> {
        let found = self.find(container)?;
        match &self.who {
            Who::Guest(guest) if guest.process() != process => {
                Err(ContainerError::NoSuchProcess(found.id().clone(), process))
            }
            _ => found.terminal(process),
        }
    }

    /// The caller's containers, newest first.
    pub(in crate::http) fn list(&self) -> Vec<Container> {
        let mut list = self.app.registry.list();
        list.retain(|container| self.sees(container));
        list
    }

    /// Their lines, newest first.
    pub(in crate::http) fn summaries(&self) -> Vec<ContainerSummary> {
        self.list().iter().map(|container| container.view().detail.summary.clone()).collect()
    }

    /// The files of one of the caller's containers.
    ///
    /// # Errors
    /// As [`Caller::find`].
    pub(in crate::http) fn files(&self, container: &str) -> Answer<Files> {
        Ok(self.app.registry.files(Owner::Container(self.find(container)?)))
    }

    /// The files of an image.
    ///
    /// # Errors
    /// When there is none of that name.
    pub(in crate::http) fn image_files(&self, name: &str) -> Answer<Files> {
        Ok(self.app.registry.files(Owner::Image(self.images()?.resolve(name)?)))
    }

    /// All containers, to do with one's own what takes the others into account: waiting for room, and looking from inside.
    pub(in crate::http) fn machine(&self) -> &Registry {
        &self.app.registry
    }

    /// What the caller's launch may ask for.
    pub(in crate::http) fn offers(&self) -> Offers {
        let offers = self.app.offers.clone();
        match &self.who {
            Who::Owner => offers,
            Who::Guest(_) => Offers::default(),
            Who::Visitor(_) => {
                let most = self.app.registry.bounds().for_strangers().most().clone();
                extras::offers(Offers { most, ..offers }, &self.app.sessions.settings().allow)
            }
        }
    }

    /// The steps a launch would take.
    ///
    /// # Errors
    /// As [`Caller::prepare`], but for quotas.
    pub(in crate::http) async fn plan(&self, spec: &LaunchSpec) -> Answer<Vec<Step>> {
        match &self.who {
            Who::Owner => {}
            Who::Visitor(_) => extras::check(spec, &self.app.sessions.settings().allow)?,
            Who::Guest(_) => return Err(not_by_a_share()),
        }
        Ok(self.app.registry.plan(spec).await?)
    }

    /// Makes of a spec all that it takes to launch it.
    ///
    /// # Errors
    /// Those of the spec and the image, of quotas, and of what the caller may not ask for.
    pub(in crate::http) fn prepare(&self, spec: LaunchSpec) -> Answer<Prepared> {
        let registry = &self.app.registry;
        match &self.who {
            Who::Owner => Ok(registry.prepare(spec)?),
            Who::Guest(_) => Err(not_by_a_share()),
            Who::Visitor(visitor) => {
                let sessions = &self.app.sessions;
                extras::check(&spec, &sessions.settings().allow)?;
                let kept = self.list().iter().filter(|container| !container.view().is_running()).count();
                let ticket = sessions.ticket(visitor, kept)?;
                Ok(registry.prepare_for(spec, ticket)?)
            }
        }
    }

    /// The caller's session as it is now.
    ///
    /// # Errors
    /// When it has ended.
    pub(in crate::http) fn session(&self) -> Answer<Session> {
        match &self.who {
            Who::Owner => Ok(Session {
                id: "owner".to_owned(),
                created_ms: self.app.began_ms,
                expires_ms: None,
                extends_to_ms: None,
                ends_by_ms: None,
                containers: u32::try_from(self.list().iter().filter(|own| own.view().is_running()).count())
                    .unwrap_or(u32::MAX),
                max_containers: None,
                owner: true,
            }),
            Who::Visitor(visitor) => Ok(self.app.sessions.describe(visitor)?),
            Who::Guest(_) => Err(not_by_a_share()),
        }
    }

    /// What a share has opened, for a guest.
    pub(in crate::http) fn opened(&self) -> Option<Opened> {
        match &self.who {
            Who::Owner | Who::Visitor(_) => None,
            Who::Guest(guest) => Some(guest.opened()),
        }
    }

    /// The caller as others at a terminal see him, under the name that he gave himself.
    pub(in crate::http) fn person(&self, id: PersonId, name: Option<&str>) -> Person {
        let (may, owner, called) = match &self.who {
            Who::Owner => (May::Type, true, "Owner".to_owned()),
            Who::Visitor(_) => (May::Type, true, "Visitor".to_owned()),
            Who::Guest(guest) => (guest.may(), false, format!("Guest {id}")),
        };
        Person { id, name: name.and_then(people::tidy).unwrap_or(called), may, owner }
    }

    /// The caller's recordings, the newest first.
    ///
    /// # Errors
    /// `forbidden` for a guest.
    pub(in crate::http) fn recordings(&self) -> Answer<Vec<Recording>> {
        let list = |sees: &dyn Fn(Option<&str>) -> bool| self.app.recordings.list(sees);
        match &self.who {
            Who::Owner => Ok(list(&|_| true)),
            Who::Visitor(visitor) => Ok(list(&|owner| owner == Some(visitor.id()))),
            Who::Guest(_) => Err(not_by_a_share()),
        }
    }

    /// One of them, and its events.
    ///
    /// # Errors
    /// `no_such_recording`, also for one of somebody else's.
    pub(in crate::http) fn recording(&self, id: &str) -> Answer<(Recording, Source)> {
        self.owns_recording(id)?;
        Ok(self.app.recordings.read(id)?)
    }

    /// Deletes one of them.
    ///
    /// # Errors
    /// As [`Caller::recording`].
    pub(in crate::http) async fn delete_recording(&self, id: &str) -> Answer<()> {
        self.owns_recording(id)?;
        Ok(self.app.recordings.delete(id).await?)
    }

    fn owns_recording(&self, id: &str) -> Answer<()> {
        let is_there = self.recordings()?.iter().any(|recording| recording.id == id);
        if is_there { Ok(()) } else { Err(RecordingError::NoSuchRecording(id.to_owned()).into()) }
    }

    /// Begins or ends the recording of a process.
    ///
    /// # Errors
    /// As [`Caller::terminal`], and those of recordings.
    pub(in crate::http) async fn record(
        &self,
        container: &str,
        process: ProcessNumber,
        on: bool,
    ) -> Answer<()> {
        let (container, terminal) = (self.find(container)?, self.terminal(container, process)?);
        if on {
            self.app.recordings.begin(&container, process, &terminal, false).await?;
        } else {
            self.app.recordings.end(container.id(), process).await;
        }
        Ok(())
    }

    /// Whether a message may be obeyed at all; what it is about is then asked for by [`Caller::find`].
    ///
    /// # Errors
    /// `forbidden`.
    pub(in crate::http) fn permit(&self, message: &ClientMessage) -> Answer<()> {
        use ClientMessage as M;
        // Without a last arm: whoever adds a message decides here who may send it.
        match message {
            M::Pull { .. } => self.owner().map(drop),
            M::Launch { .. }
            | M::Exec { .. }
            | M::CloseInput { .. }
            | M::Signal { .. }
            | M::CancelLaunch { .. }
            | M::Update { .. }
            | M::Stop { .. }
            | M::Keyboard { .. }
            | M::Record { .. }
            | M::Remove { .. }
            | M::Inspect { .. }
            | M::CancelPull { .. }
            | M::Watch { .. }
            | M::Unwatch { .. } => match self.who {
                Who::Owner | Who::Visitor(_) => Ok(()),
                Who::Guest(_) => Err(not_by_a_share()),
            },
            // What one who types may not do with it is decided by the people at the terminal.
            M::Hello { .. }
            | M::Attach { .. }
            | M::Credit { .. }
            | M::Resize { .. }
            | M::Detach { .. }
            | M::Ping { .. }
            | M::Pong { .. }
            | M::Unknown => Ok(()),
        }
    }

    /// Resolves when the caller's right has ended, with the words for it.
    pub(in crate::http) async fn ended(&self) -> WireError {
        match &self.who {
            Who::Owner => std::future::pending().await,
            Who::Visitor(visitor) => {
                visitor.ended().cancelled().await;
                Refusal::from(SessionError::Ended).0
            }
            Who::Guest(guest) => guest.ended().await,
        }
    }
}

fn owners_alone() -> Refusal {
    let hint = "Ask whoever runs this agent, or use what is there.";
    Refusal(WireError::new(ErrorCode::Forbidden, "Only the owner of this agent may do that.", hint))
}

fn not_by_a_share() -> Refusal {
    let hint = "Ask whoever gave you the link.";
    Refusal(WireError::new(ErrorCode::Forbidden, "The link opens one terminal and nothing else.", hint))
}

/// The answer to somebody who is neither the owner nor a visitor.
pub(in crate::http) fn nobody() -> Refusal {
    let hint = "Give the token that the agent printed when it started; a page begins a session with GET /api/v1/session.";
    Refusal(WireError::new(ErrorCode::Unauthorized, "There is no session, and no token was given.", hint))
}

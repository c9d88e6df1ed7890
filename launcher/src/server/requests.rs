//! One request: checked, done, answered.

use std::os::fd::{AsFd, OwnedFd};

use rustix::event::epoll;

use super::sources::Source;
use super::{Server, launches};
use crate::container::Caller;
use crate::engine::failure;
use crate::validate;
use crate::wire::{Failure, FailureKind, Reply, Request, RequestBody};

/// The answer with its descriptors; `None` when it follows later.
type Answer = Result<Option<(Reply, Vec<OwnedFd>)>, Failure>;

impl Server {
    /// Does what `request`, read at `received`, asks for.
    pub(super) fn request(&mut self, request: Request, fds: Vec<OwnedFd>, received: u64) {
        let Request { seq, body } = request;
        let caller = Caller { agent: self.agents, seq };
        let answer = validate::request(&body).and_then(|()| self.answer(caller, body, fds, received));
        match answer {
            Ok(Some(answer)) => self.reply(caller, Ok(answer)),
            Ok(None) => {}
            Err(failure) => self.reply(caller, Err(failure)),
        }
    }

    fn answer(&mut self, caller: Caller, body: RequestBody, fds: Vec<OwnedFd>, received: u64) -> Answer {
        let plain = |reply| Ok(Some((reply, Vec::new())));
        match body {
            RequestBody::Launch(_) if self.shutdown.is_some() => Err(launches::ending()),
            RequestBody::Launch(request) => {
                self.launch(caller, received, request)?;
                Ok(None)
            }
            RequestBody::Plan(request) => plain(self.engine.plan(&request)?),
            RequestBody::Exec { container, process } => {
                let number = self.engine.exec(caller, received, &container, process)?;
                self.watch(&container, number)?;
                Ok(None)
            }
            RequestBody::Signal { container, process, signal } => {
                plain(self.engine.signal(&container, process, signal)?)
            }
            RequestBody::Kill { container } => plain(self.engine.kill(&container)?),
            RequestBody::Remove { container } => plain(self.engine.remove(&container)?),
            RequestBody::RemoveLayer { layer } => plain(self.engine.remove_layer(&layer)?),
            RequestBody::Inspect { container } => plain(self.engine.inspect(&container)?),
            RequestBody::Usage { container } => plain(self.engine.usage(&container)?),
            RequestBody::OpenFile { layers, path } => {
                Ok(Some((Reply::File, vec![self.engine.open_file(&layers, &path)?])))
            }
            RequestBody::CloseInput { container, process } => {
                plain(self.engine.close_input(&container, process)?)
            }
            RequestBody::List { after } => plain(self.engine.list(after.as_deref())),
            RequestBody::Adopt { container, process } => {
                let reply = self.engine.adopt(&container, process)?;
                Ok(Some((reply, self.engine.descriptors(&container, process))))
            }
            RequestBody::Unpack { layer } => {
                self.unpack(caller, layer, fds)?;
                Ok(None)
            }
            RequestBody::Work { place, pause, job } => {
                self.work(caller, &place, pause, &job, fds)?;
                Ok(None)
            }
            RequestBody::Update { container, limits, label } => {
                plain(self.engine.update(&container, *limits, label)?)
            }
            RequestBody::Resolver => Ok(Some((Reply::Resolver, self.engine.net.resolver()?))),
            RequestBody::Listening { container } => plain(self.engine.listening(&container)?),
            RequestBody::Socket { container, ipv6 } => {
                Ok(Some((Reply::Socket, vec![self.engine.socket(&container, ipv6)?])))
            }
            RequestBody::Host => plain(Reply::Host(Box::new(self.report()))),
            RequestBody::Shutdown => {
                self.shut_down(Some(caller));
                Ok(None)
            }
        }
    }

    /// Waits for the start and the end of a new process, and for its container's end with the first one.
    pub(super) fn watch(&mut self, id: &str, number: u32) -> Result<(), Failure> {
        let engine = &self.engine;
        let sources = &mut self.sources;
        let watched = (|| {
            let container = engine.containers.get(id)?;
            let process = container.processes.get(&number)?;
            let (child, starting) = (process.child.as_ref()?, process.starting.as_ref()?);
            // Once: the agent has the same open files, so closing them here would not end the watch.
            let once = epoll::EventFlags::IN | epoll::EventFlags::ONESHOT;
            let mut watch = |fd: &OwnedFd, source| sources.watch(&fd.as_fd(), source, once);
            let container_id = || id.to_owned();
            let start = Source::Started { container: container_id(), process: number };
            let end = Source::Process { container: container_id(), process: number };
            Some((|| {
                watch(&starting.done, start)?;
                watch(&child.pidfd, end)?;
                match &container.life {
                    Some(life) if number == 0 => {
                        if let Some(memory) = &life.memory {
                            watch(memory, Source::Memory { container: container_id() })?;
                        }
                        watch(&life.init.pidfd, Source::Init { container: container_id() })
                    }
                    _ => Ok(()),
                }
            })())
        })();
        match watched {
            Some(Ok(())) => Ok(()),
            Some(Err(error)) => {
                Err(failure(FailureKind::Internal, format!("Cannot watch a process: {error}.")))
            }
            None => Err(failure(FailureKind::Internal, "A new process is gone.")),
        }
    }
}

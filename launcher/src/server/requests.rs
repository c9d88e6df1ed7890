//! One request: checked, done, answered.

use std::os::fd::OwnedFd;

use rustix::event::epoll;

use super::sources::Source;
use super::{Server, launches};
use crate::container::Caller;
use crate::engine::{failure, refused};
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
            RequestBody::Release { container, process } => plain(self.engine.release(&container, process)?),
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
            RequestBody::Host { tried } => plain(Reply::Host(Box::new(self.report(tried)))),
            RequestBody::Shutdown => {
                self.shut_down(Some(caller));
                Ok(None)
            }
        }
    }

    /// Waits for the start and the end of a new process, and for its container's end with the first one.
    pub(super) fn watch(&mut self, id: &str, number: u32) -> Result<(), Failure> {
        if let Some(start) = self.engine.start(id, number) {
            let late = Source::Late { container: id.to_owned(), process: number };
            self.sources.watch(&start.timer(), late, ONCE).map_err(unwatched)?;
            return self.watch_runtime(id, number);
        }
        let container = self.engine.containers.get(id);
        let process = container.and_then(|container| container.processes.get(&number));
        let starting = process.and_then(|process| process.starting.as_ref()).ok_or_else(gone)?;
        let start = Source::Started { container: id.to_owned(), process: number };
        self.sources.watch(&starting.done, start, ONCE).map_err(unwatched)?;
        self.watch_end(id, number)?;
        if number == 0 { self.watch_init(id) } else { Ok(()) }
    }

    /// Waits for the end of a process.
    pub(super) fn watch_end(&mut self, id: &str, number: u32) -> Result<(), Failure> {
        let container = self.engine.containers.get(id);
        let process = container.and_then(|container| container.processes.get(&number));
        let child = process.and_then(|process| process.child.as_ref()).ok_or_else(gone)?;
        let end = Source::Process { container: id.to_owned(), process: number };
        self.sources.watch(&child.pidfd, end, ONCE).map_err(unwatched)
    }

    /// Waits for the end of a container that a runtime has made, and for its process 1 to begin.
    pub(super) fn watch_made(&mut self, id: &str) -> Result<(), Failure> {
        self.watch_init(id)?;
        let sign = self.engine.start(id, 0).and_then(|start| start.sign()).ok_or_else(gone)?;
        let source = Source::Begun { container: id.to_owned() };
        self.sources.watch(&sign, source, ONCE).map_err(unwatched)
    }

    fn watch_init(&mut self, id: &str) -> Result<(), Failure> {
        let life = self.engine.containers.get(id).and_then(|container| container.life.as_ref());
        let life = life.ok_or_else(gone)?;
        if let Some(memory) = &life.memory {
            let source = Source::Memory { container: id.to_owned() };
            self.sources.watch(memory, source, ONCE).map_err(unwatched)?;
        }
        let source = Source::Init { container: id.to_owned() };
        self.sources.watch(&life.init.pidfd, source, ONCE).map_err(unwatched)
    }

    /// Waits for the end of a runtime.
    pub(super) fn watch_runtime(&mut self, id: &str, number: u32) -> Result<(), Failure> {
        let runtime = self.engine.start(id, number).and_then(|start| start.runtime()).ok_or_else(gone)?;
        let source = Source::Runtime { container: id.to_owned(), process: number };
        self.sources.watch(&runtime, source, ONCE).map_err(unwatched)
    }
}

/// Once: the agent has the same open files, so closing them here would not end the watch.
const ONCE: epoll::EventFlags = epoll::EventFlags::IN.union(epoll::EventFlags::ONESHOT);

fn unwatched(error: std::io::Error) -> Failure {
    refused("A process cannot be watched", &error)
}

fn gone() -> Failure {
    failure(FailureKind::Internal, "A new process is gone.")
}

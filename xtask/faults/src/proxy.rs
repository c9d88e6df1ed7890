//! The network between a client and the agent, as bad as it gets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, poll};
use porthole_driver::Numbers;
use rustix::net::sockopt::set_socket_linger;

use crate::fault::{Fault, Way};

/// How often one that waits looks whether it should go on.
const LOOK: Duration = Duration::from_millis(10);

/// The most that is carried at a time, and that a client may have sent on a connection whose bytes are late.
const PIECE: usize = 64 * 1024;
const MAX_LATE: usize = 4 * 1024 * 1024;

/// A place that connections lead to; none while nobody is there.
#[derive(Debug)]
pub struct Target(Mutex<Option<SocketAddr>>);

impl Target {
    /// Of somebody who is there.
    #[must_use]
    pub fn new(address: SocketAddr) -> Self {
        Self(Mutex::new(Some(address)))
    }

    /// From now on.
    pub fn set(&self, address: Option<SocketAddr>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = address;
    }

    /// Now.
    #[must_use]
    pub fn get(&self) -> Option<SocketAddr> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A proxy on a loopback address. Its first connections are befallen by faults, those that follow by none.
pub struct Proxy<'a> {
    listener: TcpListener,
    address: SocketAddr,
    target: &'a Target,
    faults: Mutex<Vec<Fault>>,
    happened: Mutex<Vec<Fault>>,
    stopping: AtomicBool,
    /// Connections that carry nothing any more: so many of the first ones.
    frozen: AtomicUsize,
}

impl<'a> Proxy<'a> {
    /// One whose first `misfortunes` connections are befallen by what the numbers say.
    ///
    /// # Errors
    /// When the system has no port left.
    pub fn new(target: &'a Target, numbers: &mut Numbers, misfortunes: u64) -> io::Result<Self> {
        Self::with(target, (0..misfortunes).map(|_| Fault::pick(numbers)).collect())
    }

    /// One whose first connections are befallen by these, in their order.
    ///
    /// # Errors
    /// When the system has no port left.
    pub fn with(target: &'a Target, mut faults: Vec<Fault>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        faults.reverse();
        let (faults, happened) = (Mutex::new(faults), Mutex::default());
        Ok(Self {
            listener,
            address,
            target,
            faults,
            happened,
            stopping: AtomicBool::new(false),
            frozen: AtomicUsize::new(0),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What has befallen the connections so far, in their order.
    #[must_use]
    pub fn happened(&self) -> Vec<Fault> {
        self.happened.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Lets the connections that there are carry nothing any more, without a word to anybody. Those that follow do.
    pub fn freeze(&self) {
        self.frozen.store(self.happened().len(), Ordering::Relaxed);
    }

    /// Makes [`serve`](Self::serve) end, with all connections.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    /// Carries, until it is stopped.
    ///
    /// # Errors
    /// When it cannot listen any more.
    pub fn serve(&self) -> io::Result<()> {
        scope(|scope| {
            while !self.stopping.load(Ordering::Relaxed) {
                match self.listener.accept() {
                    Ok((client, _)) => {
                        let mut faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
                        let fault = faults.pop().unwrap_or(Fault::None);
                        let mut happened = self.happened.lock().unwrap_or_else(PoisonError::into_inner);
                        let number = happened.len();
                        happened.push(fault);
                        scope.spawn(move || self.carry(client, number, fault));
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => {
                        let mut ready = [PollFd::new(self.listener.as_fd(), PollFlags::POLLIN)];
                        poll(&mut ready, u8::try_from(LOOK.as_millis()).unwrap_or(u8::MAX))?;
                    }
                    Err(error) => {
                        self.stop();
                        return Err(error);
                    }
                }
            }
            Ok(())
        })
    }

    /// One connection, from beginning to end. That it fails is what it is for.
    fn carry(&self, client: TcpStream, number: usize, fault: Fault) {
        let Some(agent) = self.target.get().filter(|_| fault != Fault::Refused) else { return };
        let Ok(agent) = TcpStream::connect(agent) else { return };
        for end in [&client, &agent] {
            let ready = end
                .set_nonblocking(false)
                .and_then(|()| end.set_nodelay(true))
                .and_then(|()| end.set_read_timeout(Some(LOOK)))
                .and_then(|()| end.set_write_timeout(Some(LOOK)));
            if ready.is_err() {
                return;
            }
        }
        let over = AtomicBool::new(false);
        let link =
            Link { client, agent, number, fault, over, stopping: &self.stopping, frozen: &self.frozen };
        scope(|scope| {
            scope.spawn(|| link.pump(Way::Up));
            link.pump(Way::Down);
        });
    }
}

/// A connection that is carried.
struct Link<'a> {
    client: TcpStream,
    agent: TcpStream,
    number: usize,
    fault: Fault,
    over: AtomicBool,
    stopping: &'a AtomicBool,
    frozen: &'a AtomicUsize,
}

impl Link<'_> {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed) || self.stopping.load(Ordering::Relaxed)
    }

    /// Carries one direction until the connection is over. Whichever ends first ends both.
    fn pump(&self, way: Way) {
        // A peer that is gone, or a fault: the connection ends either way.
        let _ = self.forward(way);
        self.over.store(true, Ordering::Relaxed);
        if matches!(self.fault, Fault::Cut { abrupt: true, .. }) {
            return;
        }
        let _ = self.client.shutdown(Shutdown::Both);
        // What is late is still to be given to the agent.
        if !(matches!(self.fault, Fault::Late { .. }) && way == Way::Down) {
            let _ = self.agent.shutdown(Shutdown::Both);
        }
    }

    fn forward(&self, way: Way) -> io::Result<()> {
        let (mut from, mut to) = match way {
            Way::Up => (&self.client, &self.agent),
            Way::Down => (&self.agent, &self.client),
        };
        let mut at = self.fault.at(way);
        let mut buffer = vec![0; PIECE];
        let mut carried = 0;
        let mut heard = Instant::now();
        while !self.is_over() {
            if self.frozen.load(Ordering::Relaxed) > self.number {
                self.wait(LOOK);
                continue;
            }
            if at.is_some_and(|at| carried >= at) {
                at = None;
                carried += self.befall(way, &mut from, &mut to)?;
                continue;
            }
            let room = at.map_or(PIECE, |at| usize::try_from(at - carried).unwrap_or(PIECE).min(PIECE));
            let read = match from.read(&mut buffer[..room]) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(error) if is_later(&error) => match self.fault {
                    Fault::Impatient { idle } if heard.elapsed() > idle => return Err(error),
                    _ => continue,
                },
                Err(error) => return Err(error),
            };
            heard = Instant::now();
            if let Fault::Delay { pause } = self.fault {
                self.wait(pause);
            }
            self.write(&mut to, &buffer[..read])?;
            carried += read as u64;
        }
        Ok(())
    }

    /// What is to happen happens now. Gives the bytes that were carried meanwhile.
    fn befall(&self, way: Way, from: &mut &TcpStream, to: &mut &TcpStream) -> io::Result<u64> {
        match self.fault {
            Fault::None | Fault::Refused | Fault::Delay { .. } | Fault::Impatient { .. } => Ok(0),
            Fault::Stall { pause, .. } => {
                self.wait(pause);
                Ok(0)
            }
            Fault::Drip { bytes, piece, pause, .. } => self.drip(from, to, bytes, piece, pause),
            Fault::HalfOpen { pause, .. } => {
                self.wait(pause);
                Err(ErrorKind::TimedOut.into())
            }
            Fault::Cut { abrupt, .. } => {
                if abrupt {
                    for end in [&self.client, &self.agent] {
                        set_socket_linger(end, Some(Duration::ZERO))?;
                    }
                }
                Err(ErrorKind::ConnectionAborted.into())
            }
            Fault::Late { pause, .. } => {
                debug_assert_eq!(way, Way::Up, "a client's bytes are late");
                self.late(pause)?;
                Err(ErrorKind::ConnectionAborted.into())
            }
        }
    }

    fn drip(
        &self,
        from: &mut &TcpStream,
        to: &mut &TcpStream,
        bytes: u64,
        piece: usize,
        pause: Duration,
    ) -> io::Result<u64> {
        let mut buffer = vec![0; piece];
        let mut carried = 0;
        while carried < bytes && !self.is_over() {
            match from.read(&mut buffer) {
                Ok(0) => return Err(ErrorKind::UnexpectedEof.into()),
                Ok(read) => {
                    self.write(to, &buffer[..read])?;
                    carried += read as u64;
                    self.wait(pause);
                }
                Err(error) if is_later(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(carried)
    }

    /// Takes what the client has sent, ends the client's side, and gives the agent what was taken after a while.
    fn late(&self, pause: Duration) -> io::Result<()> {
        let mut held = Vec::new();
        let mut buffer = vec![0; PIECE];
        while held.len() < MAX_LATE {
            match (&self.client).read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => held.extend_from_slice(&buffer[..read]),
                Err(error) if is_later(&error) => break,
                Err(error) => return Err(error),
            }
        }
        // The other direction ends by this as well, but leaves the agent's side alone until we are done.
        self.client.shutdown(Shutdown::Both)?;
        self.wait(pause);
        self.write(&mut &self.agent, &held)?;
        self.wait(LOOK * 5);
        Ok(())
    }

    fn write(&self, to: &mut &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
        while !bytes.is_empty() {
            match to.write(bytes) {
                Ok(written) => bytes = &bytes[written..],
                Err(error) if is_later(&error) && !self.stopping.load(Ordering::Relaxed) => {
                    if self.over.load(Ordering::Relaxed) && !matches!(self.fault, Fault::Late { .. }) {
                        return Err(error);
                    }
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn wait(&self, pause: Duration) {
        let mut left = pause;
        while !left.is_zero() && !self.stopping.load(Ordering::Relaxed) {
            let part = left.min(LOOK);
            #[expect(clippy::disallowed_methods, reason = "a slow network is slow")]
            sleep(part);
            left -= part;
        }
    }
}

fn is_later(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

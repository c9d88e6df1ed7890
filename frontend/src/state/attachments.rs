//! Which terminal of the page hangs on which channel of the socket, up to which byte it has output, and how much credit
//! it owes. Pure: every method answers with the messages to send.

use porthole_protocol::control::{ClientMessage, OpenChannel};
use porthole_protocol::ids::{Channel, ContainerId, ProcessNumber, RequestId, Typist};
use porthole_protocol::limits::MAX_PENDING_INPUT;
use porthole_protocol::resume::Input;
use porthole_protocol::spec::{LaunchSpec, ProcessSpec, Size};

use super::few::Few;
use super::tabs::{Origin, Place, TabKey};

/// Output an attached terminal may be sent before it has drawn any, in bytes: several frames in flight, yet drawn in
/// well under a second, so Ctrl-C is not answered by a screenful of stale text.
pub const CREDIT_BYTES: u32 = 512 * 1024;
/// Drawn bytes that are worth a `credit` message.
const CREDIT_STEP_BYTES: u32 = 64 * 1024;

/// What may be typed while there is no connection, in bytes: some lines, not a file.
pub const KEPT_INPUT_BYTES: usize = 64 * 1024;

#[derive(Clone, Debug)]
struct Attachment {
    /// Numbers what is typed, and stands for the request that opens it when that is asked again.
    typist: Typist,
    origin: Origin,
    size: Size,
    place: Option<Place>,
    channel: Option<Channel>,
    offset: Option<u64>,
    /// Where the output ended when the tab was attached last.
    end: u64,
    drawn: u32,
    input: Input,
    /// The size last asked for on this socket that has not been seen to be in force.
    asked: Option<Size>,
    /// Whether the size of another page of the owner's is in force.
    follows: bool,
    /// Whether somebody else has the keyboard, or the link does not allow to type.
    mute: bool,
    ended: bool,
}

/// What becomes of what was typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Typed {
    /// Send this now; the rest, if any, when there is credit.
    Send(Channel, Vec<u8>),
    /// So many bytes wait for the connection.
    Kept(usize),
    /// There is no room for it while there is no connection: it was dropped.
    Dropped,
    /// Nobody takes it.
    Nobody,
}

/// Where an answer belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attached {
    /// The tab that asked.
    pub tab: TabKey,
    /// The process it is now attached to.
    pub place: Place,
    /// Whether output is missing between what the tab shows and what comes: its screen starts anew.
    pub gap: bool,
    /// Bytes to come that are old: questions in them have been answered, or nobody waits for the answer any more.
    pub old: u64,
    /// The tab's size, to be asked for.
    pub resize: Option<ClientMessage>,
    /// What was typed meanwhile, and where it goes.
    pub input: (Channel, Vec<u8>),
}

/// All terminals of the page, by tab.
#[derive(Clone, Debug, Default)]
pub struct Attachments {
    last_request: RequestId,
    terminals: Few<TabKey, Attachment>,
    pending: Few<RequestId, TabKey>,
}

impl Attachments {
    /// A number for a request, not used before.
    pub fn next_request(&mut self) -> RequestId {
        self.last_request = self.last_request.wrapping_add(1);
        self.last_request
    }

    /// A terminal appeared. Answers with the request that opens it, to be sent when the connection is live.
    /// `typist` is a random number below 2^53.
    pub fn add(
        &mut self,
        tab: TabKey,
        origin: Origin,
        size: Size,
        live: bool,
        typist: Typist,
    ) -> Option<ClientMessage> {
        let place = match &origin {
            Origin::Process(place) => Some(place.clone()),
            Origin::Launch(_) | Origin::Exec { .. } => None,
        };
        let terminal = Attachment {
            typist,
            origin,
            size,
            place,
            channel: None,
            offset: None,
            end: 0,
            drawn: 0,
            input: Input::default(),
            asked: None,
            follows: false,
            mute: false,
            ended: false,
        };
        self.terminals.insert(tab, terminal);
        if live { self.open(tab) } else { None }
    }

    /// The tab whose launch waits in the queue as this request.
    #[must_use]
    pub fn queued(&self, request: RequestId) -> Option<TabKey> {
        self.pending.get(&request).copied()
    }

    /// The message that gives up the tab's launch, if that has not been answered yet.
    #[must_use]
    pub fn cancel_launch(&self, tab: TabKey) -> Option<ClientMessage> {
        let is_launch =
            matches!(self.terminals.get(&tab)?.origin, Origin::Launch(_)) && self.place(tab).is_none();
        let (launch, _) = self.pending.iter().find(|(_, waiting)| is_launch && *waiting == tab)?;
        Some(ClientMessage::CancelLaunch { launch: *launch })
    }

    /// A terminal was closed. Answers with the message that stops its output, or gives up its launch.
    pub fn remove(&mut self, tab: TabKey) -> Option<ClientMessage> {
        let cancel = self.cancel_launch(tab);
        // What is pending stays so: its answer is the closed tab's, which nobody shows.
        match self.terminals.remove(&tab)?.channel {
            Some(channel) => Some(ClientMessage::Detach { channel }),
            None => cancel,
        }
    }

    /// The connection is live: opens what has not been opened and goes on with what has, each from its next byte.
    pub fn connected(&mut self) -> Vec<ClientMessage> {
        let tabs: Vec<_> = self.terminals.iter().map(|(tab, _)| *tab).collect();
        tabs.into_iter().filter_map(|tab| self.open(tab)).collect()
    }

    /// The connection was lost. What was asked for and not answered is asked again with the same typist, which the agent
    /// carries out once. Answers with the tabs that wait for the connection, and how much was typed into each.
    pub fn disconnected(&mut self) -> Vec<(TabKey, usize)> {
        self.pending = Few::default();
        for (_, terminal) in self.terminals.iter_mut() {
            terminal.channel = None;
            terminal.drawn = 0;
            terminal.asked = None;
        }
        let waiting = self.terminals.iter().filter(|(_, terminal)| !terminal.ended);
        waiting.map(|(tab, terminal)| (*tab, kept(&terminal.input))).collect()
    }

    /// An `attached` arrived.
    pub fn attached(
        &mut self,
        request: RequestId,
        container: ContainerId,
        process: ProcessNumber,
        channels: &[OpenChannel],
    ) -> Option<Attached> {
        let tab = self.pending.remove(&request)?;
        let terminal = self.terminals.get_mut(&tab)?;
        let channel = channels.first()?;
        let place = Place { container, process };
        // Who shows nothing yet lacks what came before what is kept.
        let gap = terminal.offset.unwrap_or(0) != channel.offset;
        // One that was started by this request has the size already; one that another page has the size of keeps that.
        let follows = terminal.follows;
        let resize = terminal.place.replace(place.clone()).filter(|_| !follows).map(|_| {
            terminal.asked = Some(terminal.size);
            ClientMessage::Resize { channel: channel.channel, size: terminal.size }
        });
        terminal.channel = Some(channel.channel);
        terminal.offset = Some(channel.offset);
        terminal.input.attached(channel.input);
        terminal.end = channel.end.unwrap_or(0);
        let old = terminal.end.saturating_sub(channel.offset);
        let input = (channel.channel, terminal.input.due(MAX_PENDING_INPUT));
        Some(Attached { tab, place, gap, old, resize, input })
    }

    /// A request failed. Answers with the tab that made it, if it was one.
    pub fn failed(&mut self, request: RequestId) -> Option<TabKey> {
        let tab = self.pending.remove(&request)?;
        self.end(tab);
        Some(tab)
    }

    /// A process ended. Answers with the tabs that showed it.
    pub fn exited(&mut self, container: &ContainerId, process: ProcessNumber) -> Vec<TabKey> {
        let here = |place: &Place| place.container == *container && place.process == process;
        let tabs: Vec<_> = self
            .terminals
            .iter()
            .filter(|(_, terminal)| terminal.place.as_ref().is_some_and(here))
            .map(|(tab, _)| *tab)
            .collect();
        for tab in &tabs {
            self.end(*tab);
        }
        tabs
    }

    /// The agent closed a channel without an exit: the container was removed.
    pub fn detached(&mut self, channel: Channel) -> Option<TabKey> {
        let tab = self.tab_of(channel)?;
        self.end(tab);
        Some(tab)
    }

    /// Output arrived. Answers with the tab to show it in.
    pub fn output(&mut self, channel: Channel, bytes: usize) -> Option<TabKey> {
        let tab = self.tab_of(channel)?;
        let offset = self.terminals.get_mut(&tab)?.offset.as_mut()?;
        *offset += bytes as u64;
        Some(tab)
    }

    /// Output was left out up to this offset. Answers with the tab whose screen is no longer the whole story, and how much of what
    /// comes is old.
    pub fn skipped(&mut self, channel: Channel, offset: u64) -> Option<(TabKey, u64)> {
        let tab = self.tab_of(channel)?;
        let terminal = self.terminals.get_mut(&tab)?;
        terminal.offset = Some(offset);
        Some((tab, terminal.end.saturating_sub(offset)))
    }

    /// A tab has drawn bytes. Answers with the credit to grant, once there is enough of it.
    pub fn rendered(&mut self, tab: TabKey, bytes: u32) -> Option<ClientMessage> {
        let terminal = self.terminals.get_mut(&tab)?;
        let channel = terminal.channel?;
        terminal.drawn = terminal.drawn.saturating_add(bytes);
        if terminal.drawn < CREDIT_STEP_BYTES {
            return None;
        }
        Some(ClientMessage::Credit { channel, bytes: std::mem::take(&mut terminal.drawn) })
    }

    /// A tab has a new size.
    pub fn resized(&mut self, tab: TabKey, size: Size) -> Option<ClientMessage> {
        let terminal = self.terminals.get_mut(&tab)?;
        if std::mem::replace(&mut terminal.size, size) == size {
            return None;
        }
        self.ask_for_size(tab)
    }

    /// The visitor turned to a tab: should another page's size be in force, its own is asked for.
    pub fn focused(&mut self, tab: TabKey) -> Option<ClientMessage> {
        if self.terminals.get(&tab)?.follows { self.ask_for_size(tab) } else { None }
    }

    fn ask_for_size(&mut self, tab: TabKey) -> Option<ClientMessage> {
        let terminal = self.terminals.get_mut(&tab)?;
        let (channel, size) = (terminal.channel?, terminal.size);
        terminal.asked = Some(size);
        Some(ClientMessage::Resize { channel, size })
    }

    /// A terminal has this size, whoever asked for it; `owner` is whether this page may set it. Answers with the tabs that show
    /// it, each with the size it is to be shown in unless that is the tab's own.
    pub fn sized(&mut self, place: &Place, size: Size, owner: bool) -> Vec<(TabKey, Option<Size>)> {
        let mut tabs = Vec::new();
        for (tab, terminal) in self.terminals.iter_mut() {
            if terminal.place.as_ref() != Some(place) {
                continue;
            }
            let own = terminal.size == size;
            if own {
                terminal.asked = None;
            }
            // What this page has asked for a moment ago is on its way: until it is there, nothing jumps.
            if own || !owner || terminal.asked.is_none() {
                terminal.follows = owner && !own;
                tabs.push((*tab, (!own).then_some(size)));
            }
        }
        tabs
    }

    /// Whether what is typed into a terminal here reaches its program. What does not is dropped: it is not for later.
    pub fn let_type(&mut self, place: &Place, may: bool) {
        let here = self.terminals.iter_mut().filter(|(_, it)| it.place.as_ref() == Some(place));
        here.for_each(|(_, terminal)| terminal.mute = !may);
    }

    /// The visitor typed. While there is no connection, or none yet, it is kept, up to [`KEPT_INPUT_BYTES`].
    pub fn typed(&mut self, tab: TabKey, bytes: &[u8]) -> Typed {
        let Some(terminal) = self.terminals.get_mut(&tab).filter(|it| !it.ended && !it.mute) else {
            return Typed::Nobody;
        };
        let kept = kept(&terminal.input) + bytes.len();
        match terminal.channel {
            None if kept > KEPT_INPUT_BYTES => Typed::Dropped,
            None => {
                terminal.input.push(bytes);
                Typed::Kept(kept)
            }
            Some(channel) => {
                terminal.input.push(bytes);
                Typed::Send(channel, terminal.input.due(MAX_PENDING_INPUT))
            }
        }
    }

    /// The agent has accepted input. Answers with what may be sent now.
    pub fn taken(&mut self, channel: Channel, bytes: u32) -> Option<(Channel, Vec<u8>)> {
        let tab = self.tab_of(channel)?;
        let input = &mut self.terminals.get_mut(&tab)?.input;
        input.accepted(bytes);
        Some((channel, input.due(MAX_PENDING_INPUT)))
    }

    fn place(&self, tab: TabKey) -> Option<&Place> {
        self.terminals.get(&tab)?.place.as_ref()
    }

    fn tab_of(&self, channel: Channel) -> Option<TabKey> {
        self.terminals.iter().find(|(_, terminal)| terminal.channel == Some(channel)).map(|(tab, _)| *tab)
    }

    fn end(&mut self, tab: TabKey) {
        if let Some(terminal) = self.terminals.get_mut(&tab) {
            terminal.ended = true;
            terminal.channel = None;
        }
    }

    fn open(&mut self, tab: TabKey) -> Option<ClientMessage> {
        let terminal = self.terminals.get(&tab).filter(|terminal| !terminal.ended)?;
        let Attachment { typist, size, offset, .. } = *terminal;
        let (origin, place) = (terminal.origin.clone(), terminal.place.clone());
        let request = self.next_request();
        self.pending.insert(request, tab);
        Some(opening(request, origin, place, size, offset, Some(typist)))
    }
}

/// How much was typed and has not been accepted, in bytes.
fn kept(input: &Input) -> usize {
    MAX_PENDING_INPUT - input.room()
}

fn opening(
    request: RequestId,
    origin: Origin,
    place: Option<Place>,
    size: Size,
    from: Option<u64>,
    typist: Option<Typist>,
) -> ClientMessage {
    let on_terminal = |command| ProcessSpec {
        command,
        env: vec!["TERM=xterm-256color".into()],
        terminal: Some(size),
        stdin: true,
        ..ProcessSpec::default()
    };
    match (place, origin) {
        (Some(Place { container, process }), _) | (None, Origin::Process(Place { container, process })) => {
            ClientMessage::Attach { request, container, process, from, credit: CREDIT_BYTES, typist }
        }
        (None, Origin::Launch(spec)) => {
            let spec = LaunchSpec { process: on_terminal(Vec::new()), ..*spec };
            ClientMessage::Launch { request, spec, credit: CREDIT_BYTES, typist }
        }
        (None, Origin::Exec { container, command }) => ClientMessage::Exec {
            request,
            container,
            process: on_terminal(command),
            credit: CREDIT_BYTES,
            typist,
        },
    }
}

#[cfg(test)]
#[path = "attachments_tests.rs"]
mod tests;

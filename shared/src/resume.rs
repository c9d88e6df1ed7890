//! What a client keeps of one process, so that it goes on after its connection was lost as if nothing had been: how far it
//! has the output, and which input the agent may not have.
//!
//! No I/O and no clock: whoever owns the socket says what came and sends what it is told. The page, the command line and
//! the programs that test Porthole go on by this same code. `docs/protocol.md` tells the rules in words.

mod input;
mod output;

pub use input::Input;
pub use output::Output;

use crate::control::{ClientMessage, OpenChannel, Stream};
use crate::ids::{Channel, ContainerId, ProcessNumber, RequestId, Typist};

/// One process, across all sockets of one client.
#[derive(Clone, Debug)]
pub struct Resume {
    typist: Typist,
    place: Option<(ContainerId, ProcessNumber)>,
    streams: Vec<Line>,
    /// What is typed.
    pub input: Input,
}

/// One of the process's streams.
#[derive(Clone, Debug)]
struct Line {
    stream: Stream,
    /// None while there is no connection.
    channel: Option<Channel>,
    output: Output,
}

impl Resume {
    /// Of a process that is about to be started, whose output is wanted from its first byte. `typist` is a random number
    /// below 2^53.
    #[must_use]
    pub fn starting(typist: Typist) -> Self {
        Self { typist, place: None, streams: Vec::new(), input: Input::default() }
    }

    /// Of a process that is there, whose output is wanted from the oldest byte that is kept.
    #[must_use]
    pub fn following(typist: Typist, container: ContainerId, process: ProcessNumber) -> Self {
        Self { place: Some((container, process)), ..Self::starting(typist) }
    }

    /// Numbers what is typed.
    #[must_use]
    pub fn typist(&self) -> Typist {
        self.typist
    }

    /// Where the process is; none before the agent has said so.
    #[must_use]
    pub fn place(&self) -> Option<(&ContainerId, ProcessNumber)> {
        self.place.as_ref().map(|(container, process)| (container, *process))
    }

    /// The request that goes on, on a new socket; none while it is not known where the process is: then the request that
    /// starts it is made once more, with the same typist.
    #[must_use]
    pub fn attach(&self, request: RequestId, credit: u32) -> Option<ClientMessage> {
        let (container, process) = self.place.clone()?;
        // One offset serves all streams: what one of them has already is left out when it comes.
        let from = self.streams.iter().filter_map(|line| line.output.next()).min();
        Some(ClientMessage::Attach { request, container, process, from, credit, typist: Some(self.typist) })
    }

    /// An `attached` came. Gives the number of bytes of output that are gone for this client.
    pub fn attached(
        &mut self,
        container: &ContainerId,
        process: ProcessNumber,
        channels: &[OpenChannel],
    ) -> u64 {
        // Whoever started it wants all; whoever follows it takes what there is.
        let first = self.place.is_none().then_some(0);
        self.place.get_or_insert_with(|| (container.clone(), process));
        let mut missing = 0;
        for open in channels {
            let line = match self.streams.iter().position(|line| line.stream == open.stream) {
                Some(index) => &mut self.streams[index],
                None => {
                    let output = first.map_or_else(Output::default, Output::from);
                    self.streams.push(Line { stream: open.stream, channel: None, output });
                    self.streams.last_mut().expect("it was just added")
                }
            };
            line.channel = Some(open.channel);
            missing += line.output.attached(open.offset);
            if open.stream != Stream::Stderr {
                self.input.attached(open.input);
            }
        }
        missing
    }

    /// Whether an `attached` goes on later on the terminal than where its output is here: a screen comes then for what is between.
    #[must_use]
    pub fn would_miss(&self, channels: &[OpenChannel]) -> bool {
        let of = |stream| self.streams.iter().find(move |line| line.stream == stream)?.output.next();
        channels
            .iter()
            .filter(|open| open.stream == Stream::Terminal)
            .any(|open| of(open.stream).is_some_and(|next| next < open.offset))
    }

    /// The connection was lost.
    pub fn lost(&mut self) {
        for line in &mut self.streams {
            line.channel = None;
        }
    }

    /// The channel of a stream, while there is a connection.
    #[must_use]
    pub fn channel(&self, stream: Stream) -> Option<Channel> {
        self.streams.iter().find(|line| line.stream == stream)?.channel
    }

    /// The channel that takes input, while there is a connection.
    #[must_use]
    pub fn input_channel(&self) -> Option<Channel> {
        self.streams.iter().find(|line| line.stream != Stream::Stderr)?.channel
    }

    /// Output came. Gives its stream, and of the bytes those that did not come before.
    pub fn output<'a>(&mut self, channel: Channel, bytes: &'a [u8]) -> Option<(Stream, &'a [u8])> {
        let line = self.line(channel)?;
        Some((line.stream, line.output.came(bytes)))
    }

    /// A `skipped` or a `screen` came: the next byte is this one. Gives the number of bytes that are gone for this client.
    pub fn skipped(&mut self, channel: Channel, offset: u64) -> u64 {
        self.line(channel).map_or(0, |line| line.output.attached(offset))
    }

    fn line(&mut self, channel: Channel) -> Option<&mut Line> {
        self.streams.iter_mut().find(|line| line.channel == Some(channel))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id() -> ContainerId {
        ContainerId::from_random([7; 6])
    }

    fn open(channel: Channel, stream: Stream, offset: u64, input: Option<u64>) -> OpenChannel {
        OpenChannel { channel, stream, offset, input, end: None }
    }

    #[test]
    fn what_would_be_missing_is_known_before() {
        let mut one = Resume::starting(7);
        assert!(!one.would_miss(&[open(1, Stream::Terminal, 50, None)]));
        one.attached(&id(), 0, &[open(1, Stream::Terminal, 0, None)]);
        one.output(1, b"twelve bytes");
        one.lost();
        assert!(!one.would_miss(&[open(2, Stream::Terminal, 12, None)]));
        assert!(one.would_miss(&[open(2, Stream::Terminal, 13, None)]));
    }

    fn from_of(message: Option<ClientMessage>) -> Option<u64> {
        match message {
            Some(ClientMessage::Attach { from, .. }) => from,
            other => panic!("{other:?} is no attach"),
        }
    }

    #[test]
    fn a_terminal_goes_on_at_its_next_byte_and_is_typed_into_where_the_agent_stopped() {
        let mut shell = Resume::starting(5);
        assert_eq!(shell.attach(1, 10), None, "it is asked for again as it was");
        assert_eq!(shell.attached(&id(), 0, &[open(3, Stream::Terminal, 0, Some(0))]), 0);
        assert_eq!(shell.output(3, b"$ "), Some((Stream::Terminal, &b"$ "[..])));
        shell.input.push(b"ls\r");
        assert_eq!(shell.input.due(10), b"ls\r");
        shell.lost();
        assert_eq!(shell.output(3, b"late"), None, "an old channel's");
        assert_eq!(from_of(shell.attach(2, 10)), Some(2));
        assert_eq!(shell.attached(&id(), 0, &[open(9, Stream::Terminal, 2, Some(1))]), 0);
        assert_eq!(shell.input.due(10), b"s\r");
    }

    #[test]
    fn both_streams_of_a_run_go_on_though_only_one_offset_can_be_asked_for() {
        let mut run = Resume::starting(5);
        let channels =
            |offset| [open(1, Stream::Stdout, offset, Some(0)), open(2, Stream::Stderr, offset.min(2), None)];
        run.attached(&id(), 0, &channels(0));
        run.output(1, b"123456");
        run.output(2, b"ab");
        run.lost();
        assert_eq!(from_of(run.attach(2, 10)), Some(2));
        assert_eq!(run.attached(&id(), 0, &channels(2)), 0);
        assert_eq!(run.output(1, b"345678"), Some((Stream::Stdout, &b"78"[..])));
        assert_eq!(run.output(2, b"cd"), Some((Stream::Stderr, &b"cd"[..])));
    }

    #[test]
    fn what_is_gone_is_counted() {
        let mut late = Resume::following(5, id(), 0);
        assert_eq!(from_of(late.attach(1, 10)), None);
        assert_eq!(
            late.attached(&id(), 0, &[open(1, Stream::Terminal, 700, Some(0))]),
            0,
            "it asked for no more"
        );
        late.lost();
        assert_eq!(late.attached(&id(), 0, &[open(2, Stream::Terminal, 1000, Some(0))]), 300);
        assert_eq!(late.skipped(2, 1500), 500);
        assert_eq!(late.skipped(2, 1500), 0, "the screen that follows");
        let mut started = Resume::starting(6);
        assert_eq!(started.attached(&id(), 0, &[open(1, Stream::Terminal, 40, Some(0))]), 40);
    }
}

//! The part of RFC 1035 that is read and written here: one question, and short answers to it.
//!
//! Everything else of a message, and every answer from outside, passes through as the bytes that it is.

use std::net::Ipv4Addr;

/// Bytes of a message's header.
const HEADER: usize = 12;

/// Longest name, in bytes as they are sent (RFC 1035, 2.3.4).
const MAX_NAME: usize = 255;

/// Types of records.
const A: u16 = 1;
const PTR: u16 = 12;

/// Types of questions for whole zones, or for everything: never asked by a program that wants a name.
const TRANSFERS: std::ops::RangeInclusive<u16> = 251..=255;

/// The class of the Internet.
const INTERNET: u16 = 1;

/// Seconds that an answer about a lab may be kept: a member may end at any moment.
const LIFETIME: u32 = 5;

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Code {
    Fine = 0,
    Malformed = 1,
    Failed = 2,
    NoSuchName = 3,
    Unsupported = 4,
    Refused = 5,
}

/// The only question of a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    id: [u8; 2],
    /// The bit by which the client wishes for an answer from wherever.
    recursion: u8,
    /// Its bytes.
    asked: Vec<u8>,
    /// The name in lower case, its labels joined by dots.
    pub(super) name: String,
    kind: u16,
}

/// Why a query is none that is answered here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unreadable(Option<Code>);

impl Unreadable {
    /// What to say; nothing when it is not even a query.
    pub(super) fn reply(self, query: &[u8]) -> Option<Vec<u8>> {
        let id = [*query.first()?, *query.get(1)?];
        let question = Question { id, recursion: 0, asked: Vec::new(), name: String::new(), kind: 0 };
        Some(question.reply(self.0?))
    }
}

impl Question {
    /// Reads a query: one question of the Internet's class, no compressed name.
    pub(super) fn read(query: &[u8]) -> Result<Self, Unreadable> {
        let malformed = Unreadable(Some(Code::Malformed));
        let header = query.get(..HEADER).ok_or(Unreadable(None))?;
        if header[2] & 0x80 != 0 {
            return Err(Unreadable(None));
        }
        if header[2] & 0x78 != 0 {
            return Err(Unreadable(Some(Code::Unsupported)));
        }
        if header[4..10] != [0, 1, 0, 0, 0, 0] {
            return Err(malformed);
        }
        let (name, end) = read_name(query).ok_or(malformed)?;
        let fixed = query.get(end..end + 4).ok_or(malformed)?;
        let kind = u16::from_be_bytes([fixed[0], fixed[1]]);
        if u16::from_be_bytes([fixed[2], fixed[3]]) != INTERNET || TRANSFERS.contains(&kind) {
            return Err(Unreadable(Some(Code::Unsupported)));
        }
        let asked = query[HEADER..end + 4].to_vec();
        Ok(Self { id: [query[0], query[1]], recursion: header[2] & 1, asked, name, kind })
    }

    /// Whether `reply` is an answer to this very question, asked under the number `id`.
    pub(super) fn is_answered_by(&self, reply: &[u8], id: [u8; 2]) -> bool {
        let question = reply.get(HEADER..HEADER + self.asked.len());
        reply.get(..2) == Some(&id)
            && reply.get(2).is_some_and(|flags| flags & 0x80 != 0)
            && question.is_some_and(|question| question.eq_ignore_ascii_case(&self.asked))
    }

    /// The number that the client gave it.
    pub(super) fn id(&self) -> [u8; 2] {
        self.id
    }

    /// Whether IPv4 addresses are asked for.
    pub(super) fn is_for_addresses(&self) -> bool {
        self.kind == A
    }

    /// Whether the name of an address is asked for.
    pub(super) fn is_for_name(&self) -> bool {
        self.kind == PTR
    }

    /// The address whose name is asked for, by `4.3.2.1.in-addr.arpa`.
    pub(super) fn reversed(&self) -> Option<Ipv4Addr> {
        let digits: Ipv4Addr = self.name.strip_suffix(".in-addr.arpa")?.parse().ok()?;
        let [d, c, b, a] = digits.octets();
        Some(Ipv4Addr::new(a, b, c, d))
    }

    /// An answer without a record.
    pub(super) fn reply(&self, code: Code) -> Vec<u8> {
        self.records(code, &[])
    }

    /// An answer with addresses.
    pub(super) fn addresses(&self, addresses: &[Ipv4Addr]) -> Vec<u8> {
        let records: Vec<_> = addresses.iter().map(|address| address.octets().to_vec()).collect();
        self.records(Code::Fine, &records)
    }

    /// An answer with a name.
    pub(super) fn pointer(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        for label in name.split('.').filter(|label| (1..64).contains(&label.len())) {
            bytes.push(u8::try_from(label.len()).unwrap_or_default());
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        self.records(Code::Fine, &[bytes])
    }

    /// An answer with records of the kind that was asked for.
    fn records(&self, code: Code, records: &[Vec<u8>]) -> Vec<u8> {
        let questions = u8::from(!self.asked.is_empty());
        let count = u8::try_from(records.len()).unwrap_or(u8::MAX);
        let mut reply = self.id.to_vec();
        // An answer, by who can ask others.
        reply.extend([0x80 | self.recursion, 0x80 | code as u8, 0, questions, 0, count, 0, 0, 0, 0]);
        reply.extend_from_slice(&self.asked);
        for record in records.iter().take(count.into()) {
            // The name is that of the question.
            reply.extend([0xc0, 12]);
            reply.extend(self.kind.to_be_bytes());
            reply.extend(INTERNET.to_be_bytes());
            reply.extend(LIFETIME.to_be_bytes());
            reply.extend(u16::try_from(record.len()).unwrap_or_default().to_be_bytes());
            reply.extend_from_slice(record);
        }
        reply
    }
}

/// The name after the header, and where it ends.
fn read_name(query: &[u8]) -> Option<(String, usize)> {
    let (mut name, mut at) = (String::new(), HEADER);
    loop {
        let length = usize::from(*query.get(at)?);
        at += 1;
        if length == 0 {
            return Some((name, at));
        }
        if length > 63 || at + length - HEADER >= MAX_NAME {
            return None;
        }
        if !name.is_empty() {
            name.push('.');
        }
        // Whatever is no letter of a name compares with none of ours.
        let label = query.get(at..at + length)?;
        name.extend(label.iter().map(|byte| char::from(byte.to_ascii_lowercase())));
        at += length;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn query(name: &str, kind: u16) -> Vec<u8> {
        let mut bytes = vec![7, 8, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
        for label in name.split('.') {
            bytes.push(u8::try_from(label.len()).unwrap());
            bytes.extend_from_slice(label.as_bytes());
        }
        bytes.push(0);
        bytes.extend(kind.to_be_bytes());
        bytes.extend([0, 1]);
        bytes
    }

    #[test]
    fn a_question_is_read_and_answered_with_its_own_bytes() {
        let bytes = query("Db", A);
        let question = Question::read(&bytes).unwrap();
        assert_eq!(question.name, "db");
        let reply = question.addresses(&[Ipv4Addr::new(10, 213, 1, 2)]);
        assert_eq!(reply[..12], [7, 8, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0]);
        assert_eq!(reply[12..20], bytes[12..20]);
        assert_eq!(reply[reply.len() - 6..], [0, 4, 10, 213, 1, 2]);
        assert!(question.is_answered_by(&reply, [7, 8]));
        assert!(!question.is_answered_by(&reply, [7, 9]));
        assert!(!question.is_answered_by(&bytes, [7, 8]), "a query is no answer");
        assert!(!Question::read(&query("web", A)).unwrap().is_answered_by(&reply, [7, 8]));
    }

    #[test]
    fn what_is_not_one_plain_question_is_refused() {
        let code = |bytes: &[u8]| Question::read(bytes).unwrap_err().0;
        let changed = |at: usize, value: u8| {
            let mut bytes = query("db", A);
            bytes[at] = value;
            bytes
        };
        assert_eq!(code(&[0; 11]), None);
        assert_eq!(code(&changed(2, 0x81)), None, "an answer");
        assert_eq!(code(&changed(2, 0x28)), Some(Code::Unsupported), "an update");
        assert_eq!(code(&changed(5, 2)), Some(Code::Malformed), "two questions");
        assert_eq!(code(&changed(12, 0xc0)), Some(Code::Malformed), "a compressed name");
        assert_eq!(code(&query("db", 252)), Some(Code::Unsupported), "a transfer");
        assert_eq!(code(&query(&["a"; 140].join("."), A)), Some(Code::Malformed), "a name of 280 bytes");
    }

    #[test]
    fn the_address_of_a_reverse_name_is_read_backwards() {
        let question = Question::read(&query("2.1.213.10.in-addr.arpa", PTR)).unwrap();
        assert_eq!(question.reversed(), Some(Ipv4Addr::new(10, 213, 1, 2)));
    }

    proptest! {
        #[test]
        fn no_bytes_break_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
            match Question::read(&bytes) {
                Ok(question) => { question.reply(Code::Fine); }
                Err(refused) => { refused.reply(&bytes); }
            }
        }
    }
}

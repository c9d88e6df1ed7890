//! When output came, beside the output itself.
//!
//! ```text
//!   "PHL1" | ms since 1970, u64 | rows u16 | columns u16 | length of modes u16 | modes | records
//!   record: varint ms since the one before, varint n > 0: n bytes of output came
//!         | varint ms since the one before, 0, varint rows, varint columns: the terminal got a new size
//! ```
//!
//! Numbers of fixed width are little-endian, varints LEB128. A record is written by one system call, after the bytes it tells of,
//! so what an agent that was killed left is short of records at most; output that none tells of came last.

use porthole_protocol::spec::Size;

use crate::terminal::screen::modes::Modes;

const MAGIC: &[u8; 4] = b"PHL1";

/// What was so when a segment began.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Header {
    /// In milliseconds since 1970-01-01 UTC.
    pub(crate) at_ms: u64,
    /// The terminal's size.
    pub(crate) size: Size,
    /// Its modes.
    pub(crate) modes: Modes,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let modes = self.modes.encode();
        let length = u16::try_from(modes.len()).expect("modes are a few bytes");
        [
            &MAGIC[..],
            &self.at_ms.to_le_bytes(),
            &self.size.rows.to_le_bytes(),
            &self.size.cols.to_le_bytes(),
            &length.to_le_bytes(),
            &modes,
        ]
        .concat()
    }

    /// The header and the records after it.
    pub(super) fn decode(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (at_ms, rest) = bytes.strip_prefix(MAGIC)?.split_first_chunk()?;
        let (rows, rest) = rest.split_first_chunk()?;
        let (cols, rest) = rest.split_first_chunk()?;
        let (length, rest) = rest.split_first_chunk()?;
        let (modes, records) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let size = Size { rows: u16::from_le_bytes(*rows), cols: u16::from_le_bytes(*cols) };
        let at_ms = u64::from_le_bytes(*at_ms);
        Some((Self { at_ms, size, modes: Modes::decode(modes) }, records))
    }
}

/// Something that happened, and when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Milliseconds since the record before, or the segment's begin.
    pub(super) after_ms: u64,
    pub(super) what: What,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// So many bytes, more than none.
    Output(u64),
    Resize(Size),
}

impl Record {
    pub(super) fn encode(&self, target: &mut Vec<u8>) {
        varint(self.after_ms, target);
        match self.what {
            What::Output(bytes) => varint(bytes, target),
            What::Resize(Size { rows, cols }) => {
                target.push(0);
                varint(rows.into(), target);
                varint(cols.into(), target);
            }
        }
    }
}

/// Reads records until there is no whole one.
#[derive(Debug)]
pub(super) struct Records<'a>(pub(super) &'a [u8]);

impl Iterator for Records<'_> {
    type Item = Record;

    fn next(&mut self) -> Option<Record> {
        let after_ms = take_varint(&mut self.0)?;
        let what = match take_varint(&mut self.0)? {
            0 => {
                let rows = take_varint(&mut self.0)?.try_into().ok()?;
                What::Resize(Size { rows, cols: take_varint(&mut self.0)?.try_into().ok()? })
            }
            bytes => What::Output(bytes),
        };
        Some(Record { after_ms, what })
    }
}

fn varint(mut value: u64, target: &mut Vec<u8>) {
    while value >= 0x80 {
        target.push(value.to_le_bytes()[0] | 0x80);
        value >>= 7;
    }
    target.push(value.to_le_bytes()[0]);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_record() -> impl Strategy<Value = Record> {
        let what = prop_oneof![
            (1..=u64::MAX).prop_map(What::Output),
            any::<(u16, u16)>().prop_map(|(rows, cols)| What::Resize(Size { rows, cols })),
        ];
        (any::<u64>(), what).prop_map(|(after_ms, what)| Record { after_ms, what })
    }

    proptest! {
        #[test]
        fn records_read_as_they_were_written(records in proptest::collection::vec(any_record(), 0..20), at_ms: u64) {
            let mut modes = Modes::default();
            modes.scan(b"\x1b[?2004h\x1b[?");
            let header = Header { at_ms, size: Size { rows: 1, cols: 2 }, modes };
            let mut bytes = header.encode();
            records.iter().for_each(|record| record.encode(&mut bytes));
            let (read, rest) = Header::decode(&bytes).unwrap();
            prop_assert_eq!(read, header);
            prop_assert_eq!(Records(rest).collect::<Vec<_>>(), records);
        }

        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            if let Some((_, rest)) = Header::decode(&bytes) {
                Records(rest).count();
            }
            Records(&bytes).count();
        }
    }
}

//! Maps of sparse files: which parts of a file an archive stores. Source: GNU tar manual, "Storing Sparse Files".

use super::archive::{ArchiveError, BLOCK, number};
use super::pax::decimal;

/// Most parts of one file: far more than file systems make of honest ones.
const MAX_SEGMENTS: usize = 1 << 20;

/// Longest decimal number and its line break, in bytes.
const MAX_LINE_BYTES: usize = 21;

/// Bytes of an offset or a length in GNU's own format.
const FIELD: usize = 12;

/// Bytes of the 21 pairs that a continuation block of GNU's own format holds; a flag for one more block follows.
pub(crate) const FIELDS_PER_BLOCK: usize = 21 * 2 * FIELD;

/// A stored part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Where it belongs in the file, in bytes.
    pub(crate) offset: u64,
    /// Its length in bytes.
    pub(crate) length: u64,
}

/// Reads pairs of header fields; the first empty pair ends them.
pub(crate) fn read_fields(fields: &[u8], map: &mut Vec<Segment>) -> Result<(), ArchiveError> {
    for pair in fields.chunks_exact(2 * FIELD) {
        let (offset, length) = pair.split_at(FIELD);
        let malformed = || ArchiveError::from("a sparse file's map is malformed");
        match (offset[0], length[0]) {
            (0, 0) => break,
            (0, _) | (_, 0) => return Err(malformed()),
            _ => {}
        }
        push(map, number(offset).ok_or_else(malformed)?, number(length).ok_or_else(malformed)?)?;
    }
    Ok(())
}

/// Reads the decimal map of PAX format 1.0 through `next_block`: a count, then an offset and a length each.
pub(crate) fn read_map(
    mut next_block: impl FnMut(&mut [u8]) -> Result<(), ArchiveError>,
) -> Result<Vec<Segment>, ArchiveError> {
    let mut text: Vec<u8> = Vec::new();
    let mut at = 0;
    let mut line = || loop {
        if let Some(length) = text[at..].iter().position(|&b| b == b'\n') {
            let value = decimal(&text[at..at + length]);
            at += length + 1;
            return value.ok_or_else(|| ArchiveError::from("a sparse file's map is malformed"));
        }
        if text.len() - at > MAX_LINE_BYTES {
            return Err(ArchiveError::from("a sparse file's map is malformed"));
        }
        text.drain(..at);
        at = 0;
        let filled = text.len();
        text.resize(filled + BLOCK, 0);
        next_block(&mut text[filled..])?;
    };
    let mut map = Vec::new();
    for _ in 0..line()? {
        let offset = line()?;
        push(&mut map, offset, line()?)?;
    }
    Ok(map)
}

/// A map of offsets and lengths in turn, of which there is an even number.
pub(super) fn pairs(numbers: &[u64]) -> Result<Vec<Segment>, ArchiveError> {
    let mut map = Vec::new();
    for pair in numbers.chunks_exact(2) {
        push(&mut map, pair[0], pair[1])?;
    }
    Ok(map)
}

/// The map, when its parts ascend, lie within `size` and add up to the `stored` bytes.
pub(crate) fn check(map: Vec<Segment>, size: u64, stored: u64) -> Result<Vec<Segment>, ArchiveError> {
    let (mut end, mut sum) = (0_u64, 0_u64);
    for segment in &map {
        let next = segment.offset.checked_add(segment.length).filter(|_| segment.offset >= end);
        end = next.ok_or("a sparse file's parts overlap")?;
        sum += segment.length;
    }
    if end > size || sum != stored {
        return Err("a sparse file's map contradicts its size".into());
    }
    Ok(map)
}

fn push(map: &mut Vec<Segment>, offset: u64, length: u64) -> Result<(), ArchiveError> {
    if map.len() == MAX_SEGMENTS {
        return Err("a sparse file has too many parts".into());
    }
    map.push(Segment { offset, length });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map_of(text: &str) -> Result<Vec<Segment>, ArchiveError> {
        let mut bytes = text.as_bytes().to_vec();
        bytes.resize(bytes.len().next_multiple_of(BLOCK), 0);
        let mut blocks = bytes.chunks_exact(BLOCK);
        read_map(|block| {
            block.copy_from_slice(blocks.next().ok_or("ended")?);
            Ok(())
        })
    }

    #[test]
    fn decimal_maps_may_span_blocks() {
        let lines: String = (0..300).map(|n| format!("{}\n{}\n", n * 1000, 10)).collect();
        let map = map_of(&format!("300\n{lines}")).unwrap();
        assert_eq!(map.len(), 300);
        assert_eq!(map[299], Segment { offset: 299_000, length: 10 });
    }

    #[test]
    fn maps_that_contradict_themselves_are_refused() {
        for bad in ["x\n", "1\n0\n", "1\n-1\n5\n", "99999999999999999999999999", "2\n0\n1\n"] {
            assert!(map_of(bad).is_err(), "{bad:?}");
        }
        let part = |offset, length| Segment { offset, length };
        assert!(check(vec![part(0, 5), part(5, 5)], 10, 10).is_ok());
        for (bad, size, stored) in [
            (vec![part(5, 5), part(0, 5)], 10, 10),
            (vec![part(0, 5), part(4, 5)], 10, 10),
            (vec![part(u64::MAX, 2)], u64::MAX, 2),
            (vec![part(0, 10)], 9, 10),
            (vec![part(0, 10)], 10, 9),
        ] {
            assert!(check(bad.clone(), size, stored).is_err(), "{bad:?}");
        }
    }
}

//! PAX extended headers: `LENGTH KEY=VALUE\n` records before a member. Source: POSIX `pax`, "pax Extended Header"; GNU tar
//! manual, "Storing Sparse Files".
//!
//! The length is obeyed, not the line breaks, so that a value may hold any byte; whatever could be read in two ways is
//! refused.

use std::collections::BTreeMap;

/// The records before one member.
#[derive(Debug, Default)]
pub(super) struct Records {
    by_key: BTreeMap<Vec<u8>, Vec<u8>>,
    /// The map of a sparse file in GNU's format 0.0, the only records that come again and again: offsets and lengths in
    /// turn.
    sparse_map: Vec<u64>,
}

/// Keys that describe the next member's place, size or owner.
const MEMBER_KEYS: [&str; 6] = ["path", "linkpath", "size", "uid", "gid", "mtime"];

const XATTR_PREFIX: &[u8] = b"SCHILY.xattr.";

const SPARSE_PREFIX: &[u8] = b"GNU.sparse.";

impl Records {
    /// Reads the whole body of an extended header.
    ///
    /// # Errors
    /// A sentence, when a record is malformed, a key comes twice, or a member's key has no value.
    pub(super) fn parse(body: &[u8]) -> Result<Self, String> {
        let mut records = Self::default();
        let mut rest = body;
        while !rest.is_empty() {
            let (record, after) = split_record(rest).ok_or("a PAX record is malformed")?;
            rest = after;
            let equals = record.iter().position(|&b| b == b'=').ok_or("a PAX record has no value")?;
            let (key, value) = (&record[..equals], &record[equals + 1..]);
            if key.is_empty() || key.contains(&0) {
                return Err("a PAX record has an impossible key".into());
            }
            let describes_member = MEMBER_KEYS.iter().any(|known| known.as_bytes() == key);
            if describes_member && (value.is_empty() || value.contains(&0)) {
                return Err(format!("the PAX record {} has an impossible value", key.escape_ascii()));
            }
            if matches!(key, b"GNU.sparse.offset" | b"GNU.sparse.numbytes") {
                let is_turn = (key == b"GNU.sparse.offset") == records.sparse_map.len().is_multiple_of(2);
                let number = decimal(value).filter(|_| is_turn);
                records.sparse_map.push(number.ok_or("a sparse file's map is malformed")?);
            } else if records.by_key.insert(key.to_vec(), value.to_vec()).is_some() {
                return Err(format!("the PAX record {} comes twice", key.escape_ascii()));
            }
        }
        Ok(records)
    }

    /// Whether these records, for all members to come, change none of them. Others are refused: few programs honour them,
    /// so honouring them means to see another archive than most.
    pub(super) fn is_harmless_globally(&self) -> bool {
        !self.is_sparse()
            && !self.by_key.keys().any(|key| {
                MEMBER_KEYS.iter().any(|known| known.as_bytes() == key) || key.starts_with(XATTR_PREFIX)
            })
    }

    /// The value of a key.
    pub(super) fn get(&self, key: &str) -> Option<&[u8]> {
        self.by_key.get(key.as_bytes()).map(Vec::as_slice)
    }

    /// The value of a key that holds a decimal number.
    pub(super) fn number(&self, key: &str) -> Result<Option<u64>, String> {
        self.get(key)
            .map(|text| decimal(text).ok_or_else(|| format!("the PAX record {key} is not a number")))
            .transpose()
    }

    /// The modification time: seconds and nanoseconds since 1970-01-01 UTC. The other times must be
    /// times as well.
    pub(super) fn mtime(&self) -> Result<Option<(i64, u32)>, String> {
        let read = |key: &str| {
            let text = self.get(key);
            text.map(|text| time(text).ok_or_else(|| format!("the PAX record {key} is not a time")))
                .transpose()
        };
        read("atime")?;
        read("ctime")?;
        read("mtime")
    }

    /// Extended attributes: names and values.
    pub(super) fn xattrs(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.by_key
            .iter()
            .filter_map(|(key, value)| Some((key.strip_prefix(XATTR_PREFIX)?, value.as_slice())))
    }

    /// Whether the member is a sparse file in one of GNU's PAX formats.
    pub(super) fn is_sparse(&self) -> bool {
        !self.sparse_map.is_empty() || self.by_key.keys().any(|key| key.starts_with(SPARSE_PREFIX))
    }

    /// The map of a sparse file in GNU's formats 0.0 and 0.1: offsets and lengths in turn.
    ///
    /// # Errors
    /// A sentence, when there is none, or two, or its length is not the one that is said.
    pub(super) fn sparse_map(&self) -> Result<Vec<u64>, String> {
        let listed = self.get("GNU.sparse.map").map(|list| {
            list.split(|&b| b == b',').filter(|_| !list.is_empty()).map(decimal).collect::<Option<Vec<_>>>()
        });
        let map = match listed {
            None => self.sparse_map.clone(),
            Some(Some(map)) if self.sparse_map.is_empty() => map,
            _ => return Err("a sparse file's map is malformed".into()),
        };
        if self.number("GNU.sparse.numblocks")? != Some(map.len() as u64 / 2) || !map.len().is_multiple_of(2)
        {
            return Err("a sparse file's map has another length than is said".into());
        }
        Ok(map)
    }
}

/// A number of decimal digits only.
pub(super) fn decimal(text: &[u8]) -> Option<u64> {
    let digits = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    std::str::from_utf8(text).ok().filter(|_| digits)?.parse().ok()
}

/// `LENGTH KEY=VALUE\n`, where the length counts itself and the line break.
fn split_record(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    let space = rest.iter().take(20).position(|&b| b == b' ')?;
    let length = usize::try_from(decimal(&rest[..space])?).ok()?;
    if length > rest.len() {
        return None;
    }
    let (record, after) = rest.split_at(length);
    Some((record.get(space + 1..)?.strip_suffix(b"\n")?, after))
}

/// `[-]SECONDS[.FRACTION]`
fn time(text: &[u8]) -> Option<(i64, u32)> {
    let (negative, text) = match text.strip_prefix(b"-") {
        Some(rest) => (true, rest),
        None => (false, text),
    };
    let dot = text.iter().position(|&b| b == b'.').unwrap_or(text.len());
    let seconds = i64::try_from(decimal(&text[..dot])?).ok()?;
    let fraction = text.get(dot + 1..).unwrap_or_default();
    if !fraction.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let digit = |place: usize| u32::from(fraction.get(place).map_or(0, |digit| digit - b'0'));
    let nanos = (0..9).fold(0, |nanos, place| nanos * 10 + digit(place));
    // Before 1970 the seconds are rounded down, since nanoseconds count upwards.
    match (negative, nanos) {
        (false, _) => Some((seconds, nanos)),
        (true, 0) => Some((-seconds, 0)),
        (true, _) => Some((-seconds - 1, 1_000_000_000 - nanos)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_may_hold_line_breaks() {
        let records = Records::parse(b"9 a=\n\n\n\n\n24 SCHILY.xattr.user.x=\n13 path=name\n").unwrap();
        assert_eq!(records.get("a"), Some(&b"\n\n\n\n"[..]));
        assert_eq!(records.get("path"), Some(&b"name"[..]));
        assert_eq!(records.xattrs().collect::<Vec<_>>(), [(&b"user.x"[..], &b""[..])]);
    }

    #[test]
    fn whatever_could_be_read_in_two_ways_is_refused() {
        for bad in [
            &b"5 a=b\n"[..],
            b"7 a=b\n",
            b"6 a=b",
            b" 6 a=b\n",
            b"+6 a=b\n",
            b"6 a=b\n\0",
            b"5 a=\n5 a=\n",
            b"4 ab\n",
            b"0 ",
            b"8 path=\n",
            b"12 size=12\n12 size=12\n",
            b"99999999999999999999 a=b\n",
            b"3 \n",
        ] {
            assert!(Records::parse(bad).is_err(), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn numbers_and_times_are_exact() {
        let records = Records::parse(b"11 size=+1\n22 mtime=-1.250000000\n").unwrap();
        assert!(records.number("size").is_err());
        assert_eq!(records.mtime().unwrap(), Some((-2, 750_000_000)));
        assert_eq!(time(b"1700000000.5"), Some((1_700_000_000, 500_000_000)));
        assert_eq!(time(b"7"), Some((7, 0)));
        assert_eq!((time(b""), time(b"1.x"), time(b"1e3")), (None, None, None));
    }
}

//! Names and ids that cross the wire, validated on both sides by the same code.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

use crate::limits::MAX_NAME_BYTES;

/// Why a name or an id is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InvalidId {
    /// Not twelve lower-case hexadecimal digits.
    ContainerId,
    /// Not `[a-zA-Z0-9][a-zA-Z0-9_.-]*`, or too long.
    Name,
}

impl fmt::Display for InvalidId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ContainerId => "a container id is twelve lower-case hexadecimal digits",
            Self::Name => {
                "a name starts with a letter or digit, goes on with letters, digits, '_', '.' or '-', and has at most 64 characters"
            }
        })
    }
}

impl std::error::Error for InvalidId {}

/// A container's id: twelve lower-case hexadecimal digits, as `docker ps` shows them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(try_from = "String", into = "String")]
#[cfg_attr(feature = "openapi", schema(value_type = String, pattern = "^[0-9a-f]{12}$"))]
pub struct ContainerId(String);

impl ContainerId {
    /// The id made of the first six of these random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 6]) -> Self {
        use fmt::Write;
        let mut id = String::with_capacity(12);
        for byte in bytes {
            write!(id, "{byte:02x}").expect("writing to a String cannot fail");
        }
        Self(id)
    }

    /// The twelve digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ContainerId {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, InvalidId> {
        let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if text.len() == 12 && text.bytes().all(hex) {
            Ok(Self(text.to_owned()))
        } else {
            Err(InvalidId::ContainerId)
        }
    }
}

impl TryFrom<String> for ContainerId {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        text.parse()
    }
}

impl From<ContainerId> for String {
    fn from(id: ContainerId) -> Self {
        id.0
    }
}

impl fmt::Display for ContainerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Number of a process (terminal or run) within its container; the first process is 0. Never reused.
pub type ProcessNumber = u32;

/// Number of a channel within one socket; the agent hands them out. Never reused on that socket.
pub type Channel = u32;

/// Numbers what one client types into one terminal, across all its sockets: a random number below 2^53, which is what every
/// JSON reader can hold. Whoever knows it could go on typing in its name; the agent shows it to nobody.
pub type Typist = u64;

/// A person at a terminal, as numbered by the agent for as long as the person's socket lasts.
pub type PersonId = u32;

/// Number a client gives to a request, echoed in the answer. Unique among the requests in flight on one socket.
pub type RequestId = u32;

/// Checks a container's name.
///
/// # Errors
/// [`InvalidId::Name`] when it is not `[a-zA-Z0-9][a-zA-Z0-9_.-]*` of at most 64 bytes.
pub fn check_name(name: &str) -> Result<(), InvalidId> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_alphanumeric());
    let rest = bytes.all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-'));
    if first && rest && name.len() <= MAX_NAME_BYTES { Ok(()) } else { Err(InvalidId::Name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn container_ids_round_trip() {
        let id = ContainerId::from_random([0, 1, 0xab, 0xcd, 0xef, 0xff]);
        assert_eq!(id.as_str(), "0001abcdefff");
        assert_eq!(id.as_str().parse(), Ok(id));
    }

    #[test]
    fn container_ids_that_are_not_twelve_hex_digits_are_refused() {
        for bad in ["", "0001ABCDEFFF", "0001abcdeff", "0001abcdefff0", "../../../etc", "0001abcdef\u{e9}"] {
            assert_eq!(bad.parse::<ContainerId>(), Err(InvalidId::ContainerId), "{bad:?}");
        }
    }

    #[test]
    fn names_follow_dockers_rule() {
        for good in ["a", "web-1", "A_b.c", &"x".repeat(64)] {
            assert_eq!(check_name(good), Ok(()), "{good:?}");
        }
        for bad in ["", "-a", ".a", "a/b", "a b", "ä", &"x".repeat(65)] {
            assert_eq!(check_name(bad), Err(InvalidId::Name), "{bad:?}");
        }
    }
}

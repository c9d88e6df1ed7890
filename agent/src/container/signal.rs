//! Signals by name and number. Source: `signal(7)`, the numbers of x86 and ARM.

use super::{ContainerError, Result};

const NAMES: [(&str, i32); 31] = [
    ("HUP", 1),
    ("INT", 2),
    ("QUIT", 3),
    ("ILL", 4),
    ("TRAP", 5),
    ("ABRT", 6),
    ("BUS", 7),
    ("FPE", 8),
    ("KILL", 9),
    ("USR1", 10),
    ("SEGV", 11),
    ("USR2", 12),
    ("PIPE", 13),
    ("ALRM", 14),
    ("TERM", 15),
    ("STKFLT", 16),
    ("CHLD", 17),
    ("CONT", 18),
    ("STOP", 19),
    ("TSTP", 20),
    ("TTIN", 21),
    ("TTOU", 22),
    ("URG", 23),
    ("XCPU", 24),
    ("XFSZ", 25),
    ("VTALRM", 26),
    ("PROF", 27),
    ("WINCH", 28),
    ("IO", 29),
    ("PWR", 30),
    ("SYS", 31),
];

/// Asks a process to end, unless its image names another signal.
pub(super) const TERM: i32 = 15;

/// Tells a process that its terminal is gone.
pub(super) const HUP: i32 = 1;

/// The largest number: the last of the real-time signals.
const MAX: i32 = 64;

/// The first real-time signal that the C library leaves to programs, which they call `SIGRTMIN`.
const FIRST_REAL_TIME: i32 = 34;

/// A signal's number, from its name with or without `SIG` in any case, or from its number.
///
/// # Errors
/// [`ContainerError::BadRequest`] for anything else.
pub(crate) fn parse(text: &str) -> Result<i32> {
    number(text).ok_or_else(|| {
        let excerpt: String = text.chars().take(40).flat_map(char::escape_default).collect();
        ContainerError::BadRequest(format!("'{excerpt}' is not a signal."))
    })
}

fn number(text: &str) -> Option<i32> {
    if let Ok(number) = text.parse::<i32>() {
        return (1..=MAX).contains(&number).then_some(number);
    }
    let name = text.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return real_time(offset, '+').map(|offset| FIRST_REAL_TIME + offset);
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        return real_time(offset, '-').map(|offset| MAX - offset);
    }
    NAMES.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}

/// How far a real-time signal is from the first or last one: nothing, or a sign and a number.
fn real_time(offset: &str, sign: char) -> Option<i32> {
    let digits = match offset.strip_prefix(sign) {
        None => return offset.is_empty().then_some(0),
        Some(digits) => digits.bytes().all(|b| b.is_ascii_digit()).then_some(digits)?,
    };
    digits.parse().ok().filter(|offset| (0..=MAX - FIRST_REAL_TIME).contains(offset))
}

#[cfg(test)]
mod tests {
    use super::parse;

    #[test]
    fn signals_have_names_and_numbers() {
        for (text, number) in [
            ("TERM", 15),
            ("SIGKILL", 9),
            ("sigint", 2),
            ("9", 9),
            ("64", 64),
            ("SIGRTMIN+3", 37),
            ("rtmax-14", 50),
            ("RTMIN", 34),
        ] {
            assert_eq!(parse(text).unwrap(), number, "{text}");
        }
        for text in [
            "",
            "0",
            "-9",
            "65",
            "SIG",
            "SIGSIGTERM",
            "9 ",
            "NOPE",
            "RTMIN+31",
            "RTMIN-1",
            "RTMIN+",
            "RTMAX+1",
            "RTMAX--1",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}

//! Sizes, CPU shares and ages as people write and read them.

use std::fmt;

/// Why a size or a number of CPUs is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum UnitError {
    /// Not `NUMBER[b|k|m|g|t]`, or zero, or larger than any machine.
    Bytes,
    /// Not a positive number of CPUs in steps of a thousandth.
    Cpus,
    /// Not `NUMBER(d|h|m|s)…` or zero, or longer than a thousand years.
    Duration,
}

impl fmt::Display for UnitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Bytes => {
                "write a size above zero, such as 256m or 1.5g (units b, k, m, g, t; powers of 1024)"
            }
            Self::Cpus => "write a number of CPUs above zero, such as 0.5 or 2, with at most three decimals",
            Self::Duration => "write a time such as 2h, 90s or 1h30m (units d, h, m, s), or 0 for never",
        })
    }
}

impl std::error::Error for UnitError {}

/// Reads a size in bytes: a decimal number and a unit of `b`, `k`, `m`, `g` or `t` (powers of 1024), optionally
/// written as `kb` or `KiB`; bytes without a unit. This is what Docker's `--memory` takes.
///
/// # Errors
/// [`UnitError::Bytes`]
pub(crate) fn parse_bytes(text: &str) -> Result<u64, UnitError> {
    let lower = text.trim().to_ascii_lowercase();
    let number = lower.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &lower[number.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return Err(UnitError::Bytes),
    };
    scaled(number, 1 << shift).filter(|&bytes| bytes > 0).ok_or(UnitError::Bytes)
}

/// Reads a number of CPUs and gives thousandths of one.
///
/// # Errors
/// [`UnitError::Cpus`]
pub(crate) fn parse_cpus(text: &str) -> Result<u32, UnitError> {
    let decimals = text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
    if decimals > 3 {
        return Err(UnitError::Cpus);
    }
    let millis = scaled(text, 1000).and_then(|millis| u32::try_from(millis).ok());
    millis.filter(|&millis| millis > 0).ok_or(UnitError::Cpus)
}

/// Reads a span of time and gives milliseconds: numbers with a unit of `d`, `h`, `m` or `s` behind each other, the larger
/// unit first. `0` needs none.
///
/// # Errors
/// [`UnitError::Duration`]
pub(crate) fn parse_duration(text: &str) -> Result<u64, UnitError> {
    const UNITS: [(char, u64); 4] = [('d', 86_400_000), ('h', 3_600_000), ('m', 60_000), ('s', 1000)];
    const MOST: u64 = 1000 * 365 * 86_400_000;
    if text == "0" {
        return Ok(0);
    }
    let mut units = UNITS.iter();
    let (mut rest, mut total) = (text, 0_u64);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit()).ok_or(UnitError::Duration)?;
        let (number, after) = rest.split_at(end);
        let (_, length) = units.find(|(name, _)| after.starts_with(*name)).ok_or(UnitError::Duration)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*length));
        total = part.and_then(|part| total.checked_add(part)).ok_or(UnitError::Duration)?;
        rest = &after[1..];
    }
    if text.is_empty() || total > MOST { Err(UnitError::Duration) } else { Ok(total) }
}

/// A decimal number times `scale`, rounded down, by integer arithmetic so that no digit is lost.
fn scaled(number: &str, scale: u128) -> Option<u64> {
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then_some(());
    digits(whole)?;
    digits(decimals)?;
    if whole.is_empty() || whole.len() > 20 || decimals.len() > 12 || number.ends_with('.') {
        return None;
    }
    let whole = whole.parse::<u128>().ok()? * scale;
    let part = if decimals.is_empty() {
        0
    } else {
        let places = u32::try_from(decimals.len()).ok()?;
        decimals.parse::<u128>().ok()? * scale / 10u128.pow(places)
    };
    u64::try_from(whole + part).ok()
}

/// A size for people: at least two significant digits, powers of 1024.
pub(crate) fn human_bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let mut unit = 0;
    let mut tenths = u128::from(bytes) * 10 / 1024;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1024;
        unit += 1;
    }
    let name = UNITS[unit];
    if tenths < 100 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", tenths / 10)
    }
}

/// A span of time for people, in its largest unit: `3 minutes`.
pub(crate) fn human_age(millis: u64) -> String {
    const UNITS: [(u64, &str); 6] = [
        (365 * 86_400, "year"),
        (7 * 86_400, "week"),
        (86_400, "day"),
        (3_600, "hour"),
        (60, "minute"),
        (1, "second"),
    ];
    let seconds = millis / 1000;
    match UNITS.iter().find(|(length, _)| seconds >= *length) {
        None => "less than a second".to_owned(),
        Some((length, name)) if seconds / length == 1 => format!("1 {name}"),
        Some((length, name)) => format!("{} {name}s", seconds / length),
    }
}

/// How long ago a time was, both in milliseconds since 1970-01-01 UTC; `-` for 0, which stands for an unknown one.
pub(super) fn human_date(then_ms: u64, now_ms: u64) -> String {
    match then_ms {
        0 => "-".to_owned(),
        then_ms => format!("{} ago", human_age(now_ms.saturating_sub(then_ms))),
    }
}

/// The first digits of a digest, as many as Docker shows.
pub(super) fn short_digest(digest: &str) -> &str {
    const CHARS: usize = 12;
    let digits = digest.split_once(':').map_or(digest, |(_, digits)| digits);
    digits.get(..CHARS).unwrap_or(digits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sizes_are_read_as_docker_reads_them() {
        assert_eq!(parse_bytes("256m"), Ok(256 << 20));
        assert_eq!(parse_bytes("1.5g"), Ok(3 << 29));
        assert_eq!(parse_bytes("64KiB"), Ok(64 << 10));
        assert_eq!(parse_bytes("4096"), Ok(4096));
        for bad in ["", "m", "-1m", "1x", "1 2", "1.", ".5g", "0", "0.0001k", "99999999t", "1e3", "٣m"] {
            assert_eq!(parse_bytes(bad), Err(UnitError::Bytes), "{bad:?}");
        }
    }

    #[test]
    fn cpus_are_read_in_thousandths() {
        assert_eq!(parse_cpus("0.5"), Ok(500));
        assert_eq!(parse_cpus("2"), Ok(2000));
        assert_eq!(parse_cpus("1.125"), Ok(1125));
        for bad in ["", "0", "-1", "0.0005", "1,5", "lots", "5000000"] {
            assert_eq!(parse_cpus(bad), Err(UnitError::Cpus), "{bad:?}");
        }
    }

    #[test]
    fn times_are_read_from_their_largest_unit_to_their_smallest() {
        assert_eq!(parse_duration("2h"), Ok(7_200_000));
        assert_eq!(parse_duration("1h30m"), Ok(5_400_000));
        assert_eq!(parse_duration("90s"), Ok(90_000));
        assert_eq!(parse_duration("1d12h"), Ok(129_600_000));
        assert_eq!(parse_duration("0"), Ok(0));
        for bad in ["", "5", "h", "1.5h", "30m1h", "1h1h", "-1s", "1ms", "1 h", "9999999999999d", "٣h"] {
            assert_eq!(parse_duration(bad), Err(UnitError::Duration), "{bad:?}");
        }
    }

    #[test]
    fn sizes_and_ages_are_shown_in_their_largest_unit() {
        assert_eq!(human_bytes(1023), "1023 B");
        assert_eq!(human_bytes(1024), "1.0 KiB");
        assert_eq!(human_bytes(1_500_000), "1.4 MiB");
        assert_eq!(human_bytes(u64::MAX), "15 EiB");
        assert_eq!(human_age(999), "less than a second");
        assert_eq!(human_age(1000), "1 second");
        assert_eq!(human_age(59_999), "59 seconds");
        assert_eq!(human_age(7_200_000), "2 hours");
    }

    proptest! {
        #[test]
        fn nothing_that_is_typed_makes_the_parsers_panic(text in "\\PC{0,40}") {
            let _ = parse_bytes(&text);
            let _ = parse_cpus(&text);
            let _ = parse_duration(&text);
        }

        #[test]
        fn a_plain_number_of_bytes_is_itself(bytes in 1u64..) {
            prop_assert_eq!(parse_bytes(&bytes.to_string()), Ok(bytes));
        }

        #[test]
        fn every_thousandth_of_a_cpu_can_be_written(millis in 1u32..) {
            let text = format!("{}.{:03}", millis / 1000, millis % 1000);
            prop_assert_eq!(parse_cpus(&text), Ok(millis));
        }

        #[test]
        fn a_shown_size_is_never_off_by_more_than_a_tenth(bytes in 1u64..u64::MAX / 2) {
            let shown = parse_bytes(&human_bytes(bytes).replace(' ', "")).unwrap_or(bytes);
            prop_assert!(shown <= bytes && bytes - shown <= bytes / 10, "{bytes} shown as {shown}");
        }
    }
}

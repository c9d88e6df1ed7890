//! Sizes, CPUs and times as people type them: what the command line takes.

/// A decimal number in thousandths; none for anything else.
fn thousandths(number: &str) -> Option<u64> {
    let (whole, rest) = number.split_once('.').unwrap_or((number, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || rest.len() > 3 || !digits(whole) || !digits(rest) {
        return None;
    }
    let rest = rest.bytes().chain([b'0'; 3]).take(3).fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0'));
    whole.parse::<u64>().ok()?.checked_mul(1000)?.checked_add(rest)
}

/// `12.5`: a moment in seconds, as milliseconds.
#[must_use]
pub fn moment(text: &str) -> Option<u32> {
    thousandths(text)?.try_into().ok()
}

/// Milliseconds as seconds, without zeros that say nothing.
#[must_use]
pub fn seconds(ms: u32) -> String {
    let text = format!("{}.{:03}", ms / 1000, ms % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// `64m`, `1.5 GiB`: powers of 1024; bytes without a unit.
#[must_use]
pub fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let number = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match &text[number.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    let bytes = thousandths(number.trim_end())?.checked_mul(1 << shift)? / 1000;
    Some(bytes).filter(|bytes| *bytes > 0)
}

/// `0.5`, `2`: thousandths of one CPU.
#[must_use]
pub fn cpus(text: &str) -> Option<u32> {
    thousandths(text)?.try_into().ok().filter(|millis| *millis > 0)
}

/// `128`: a number above zero.
#[must_use]
pub fn count(text: &str) -> Option<u32> {
    text.parse().ok().filter(|count| *count > 0)
}

/// `0-1,3`: numbers of CPUs.
#[must_use]
pub fn list(text: &str) -> Option<String> {
    let fits = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-' || byte == b',');
    fits.then(|| text.to_owned())
}

/// `90s`, `1h30m`: milliseconds; `0` for never.
#[must_use]
pub fn time(text: &str) -> Option<u64> {
    if text == "0" {
        return Some(0);
    }
    let (mut rest, mut total) = (text, 0_u64);
    loop {
        let (number, after) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit())?);
        let length = match after.as_bytes().first()? {
            b's' => 1000,
            b'm' => 60_000,
            b'h' => 3_600_000,
            b'd' => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(length)?)?;
        rest = &after[1..];
        if rest.is_empty() {
            return Some(total);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_powers_of_1024() {
        let read = ["64m", "1.5 GiB", "512", "1KB"].map(bytes);
        assert_eq!(read, [Some(64 << 20), Some(3 << 29), Some(512), Some(1024)]);
        assert_eq!(["", "m", "1x", "0", "-1m", "1..5m", "99999999999t"].map(bytes), [None; 7]);
    }

    #[test]
    fn cpus_have_up_to_three_decimals() {
        assert_eq!(["2", "0.5", "0.125"].map(cpus), [Some(2000), Some(500), Some(125)]);
        assert_eq!(["0", "0.1255", "half", ".5"].map(cpus), [None; 4]);
    }

    #[test]
    fn times_have_a_unit_unless_they_are_never() {
        assert_eq!(["90s", "1h30m", "0"].map(time), [Some(90_000), Some(5_400_000), Some(0)]);
        assert_eq!(["", "90", "5w", "m", "1h30"].map(time), [None; 5]);
    }
}

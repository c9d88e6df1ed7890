//! Numbers and states as words.

use porthole_protocol::files::FileKind;
use porthole_protocol::http::Exit;
use porthole_protocol::kernel::IdMap;

/// A count in this unit, below 10^17, with so many decimal places. By whole numbers: to print others takes 10 KiB of tables.
#[must_use]
pub fn decimal(count: u64, unit: u64, places: usize) -> String {
    let parts = [1, 10, 100][places];
    let nearest = count / unit * parts + (count % unit * parts + unit / 2) / unit;
    match places {
        0 => nearest.to_string(),
        _ => format!("{}.{:0places$}", nearest / parts, nearest % parts),
    }
}

/// The part of a whole as a length in a style sheet: `12.50%`.
#[must_use]
pub fn part(count: u64, whole: u64) -> String {
    format!("{}%", decimal(count.saturating_mul(100), whole.max(1), 2))
}

/// Bytes with a binary unit: `1.5 MiB`.
#[must_use]
pub fn bytes(count: u64) -> String {
    const NAMES: [&str; 5] = ["KiB", "MiB", "GiB", "TiB", "PiB"];
    if count < 1024 {
        return format!("{count} B");
    }
    let (mut unit, mut name) = (1024, 0);
    // What rounds to 1024 is one of the next unit.
    while count >= 1024 * unit - unit / 2 && name + 1 < NAMES.len() {
        (unit, name) = (unit * 1024, name + 1);
    }
    let figure =
        if count >= 100 * unit - unit / 20 { decimal(count, unit, 0) } else { decimal(count, unit, 1) };
    format!("{} {}", figure.strip_suffix(".0").unwrap_or(&figure), NAMES[name])
}

/// A number of things: `no layers`, `1 layer`, `3 layers`.
#[must_use]
pub fn count(count: usize, what: &str) -> String {
    match count {
        0 => format!("no {what}s"),
        1 => format!("1 {what}"),
        _ => format!("{count} {what}s"),
    }
}

/// A short time: `840 ns`, `75 µs`, `4.1 ms`, `1.20 s`.
#[must_use]
pub fn nanos(count: u64) -> String {
    match count {
        0..1_000 => format!("{count} ns"),
        1_000..1_000_000 => format!("{} µs", decimal(count, 1_000, 0)),
        1_000_000..100_000_000 => format!("{} ms", decimal(count, 1_000_000, 1)),
        100_000_000..1_000_000_000 => format!("{} ms", decimal(count, 1_000_000, 0)),
        _ => format!("{} s", decimal(count, 1_000_000_000, 2)),
    }
}

/// CPUs, from thousandths of one: `0.5`, `2`.
#[must_use]
pub fn cpus(millis: u64) -> String {
    let figure = decimal(millis, 1000, 2);
    figure.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// A length of time, from milliseconds, in its two largest units: `1 h 30 min`, `45 s`.
#[must_use]
pub fn span(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    let (large, small, names) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, seconds % 60, ("min", "s")),
        3600..86_400 => (seconds / 3600, seconds % 3600 / 60, ("h", "min")),
        _ => (seconds / 86_400, seconds % 86_400 / 3600, ("d", "h")),
    };
    match small {
        0 => format!("{large} {}", names.0),
        _ => format!("{large} {} {small} {}", names.0, names.1),
    }
}

/// What is left of a time, as a clock shows it: `0:59`, `29:41`, `1:02:03`.
#[must_use]
pub fn clock(ms: u64) -> String {
    let seconds = ms.div_ceil(1000);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    match hours {
        0 => format!("{minutes}:{seconds:02}"),
        _ => format!("{hours}:{minutes:02}:{seconds:02}"),
    }
}

/// How long ago something happened, both in milliseconds since 1970: `just now`, `3 min`, `2 h`, `5 d`.
#[must_use]
pub fn age(then_ms: u64, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(then_ms) / 1000;
    match seconds {
        0..10 => "just now".into(),
        10..60 => format!("{seconds} s"),
        60..3600 => format!("{} min", seconds / 60),
        3600..86_400 => format!("{} h", seconds / 3600),
        _ => format!("{} d", seconds / 86_400),
    }
}

/// Kind and permissions as `ls -l` shows them: `drwxr-xr-x`.
#[must_use]
pub fn mode(kind: FileKind, mode: u32) -> String {
    let first = match kind {
        FileKind::File => '-',
        FileKind::Directory => 'd',
        FileKind::Symlink => 'l',
        FileKind::Special => '?',
    };
    let triple = |shift: u32, special: u32, letters: [char; 2]| {
        let bit = |bit: u32, letter: char| if mode >> shift & bit == 0 { '-' } else { letter };
        let last = match (mode & special != 0, mode >> shift & 1 != 0) {
            (true, true) => letters[0],
            (true, false) => letters[1],
            (false, _) => bit(1, 'x'),
        };
        [bit(4, 'r'), bit(2, 'w'), last]
    };
    let [owner, group, others] =
        [triple(6, 0o4000, ['s', 'S']), triple(3, 0o2000, ['s', 'S']), triple(0, 0o1000, ['t', 'T'])];
    [first].into_iter().chain(owner).chain(group).chain(others).collect()
}

/// A time in UTC, from milliseconds since 1970: `2026-11-24 12:05`.
#[must_use]
pub fn date(ms: i64) -> String {
    let minutes = ms.div_euclid(60_000);
    // Days to a date of the Gregorian calendar, counted in 400-year cycles from 0000-03-01.
    let days = minutes.div_euclid(1440) + 719_468;
    let (cycle, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) =
        if month < 10 { (year + 400 * cycle, month + 3) } else { (year + 400 * cycle + 1, month - 9) };
    let minute = minutes.rem_euclid(1440);
    format!("{year:04}-{month:02}-{day:02} {:02}:{:02}", minute / 60, minute % 60)
}

/// How a process ended, in a sentence without its full stop.
#[must_use]
pub fn exit(exit: Exit) -> String {
    match exit {
        Exit { out_of_memory: true, .. } => "Killed: the container used up its memory".into(),
        Exit { signal: Some(signal), .. } => format!("Ended by signal {signal} ({})", signal_name(signal)),
        Exit { code, .. } => format!("Exited with status {code}"),
    }
}

fn signal_name(number: u8) -> &'static str {
    match number {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        14 => "SIGALRM",
        15 => "SIGTERM",
        31 => "SIGSYS",
        _ => "see signal(7)",
    }
}

/// Id maps as they read aloud: `0…65535 → 655360…720895`, or that there is none to speak of.
#[must_use]
pub fn id_maps(maps: &[IdMap]) -> String {
    let range = |first: u32, count: u32| match count {
        0 | 1 => first.to_string(),
        _ => format!("{first}…{}", u64::from(first) + u64::from(count) - 1),
    };
    if let [IdMap { inside: 0, outside: 0, count: u32::MAX }] = maps {
        return "every id is itself".into();
    }
    let lines = maps
        .iter()
        .map(|map| format!("{} → {}", range(map.inside, map.count), range(map.outside, map.count)));
    let joined = lines.collect::<Vec<_>>().join(", ");
    if joined.is_empty() { "none".into() } else { joined }
}

/// A digest short enough to recognise: `3f1a09bc21d4`.
#[must_use]
pub fn short_digest(digest: &str) -> &str {
    let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
    hex.get(..12).unwrap_or(hex)
}

/// The part of the limit in use, in percent from 0 to 100.
#[must_use]
pub fn percent(usage: u64, limit: u64) -> u64 {
    usage.saturating_mul(100).checked_div(limit).map_or(0, |percent| percent.min(100))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_read_as_a_person_writes_them() {
        let shown = [0, 1023, 1024, 1536, 4_400_000, 268_435_456, 1_073_741_823, u64::MAX].map(bytes);
        assert_eq!(shown, ["0 B", "1023 B", "1 KiB", "1.5 KiB", "4.2 MiB", "256 MiB", "1 GiB", "16384 PiB"]);
    }

    #[test]
    fn a_figure_is_rounded_where_it_is_cut() {
        let shown = [102_348, 102_349, 1_048_063, 1_048_064].map(bytes);
        assert_eq!(shown, ["99.9 KiB", "100 KiB", "1023 KiB", "1 MiB"]);
        assert_eq!([part(1, 8), part(0, 0), part(2, 3)], ["12.50%", "0.00%", "66.67%"]);
    }

    #[test]
    fn permissions_read_as_ls_shows_them() {
        assert_eq!(mode(FileKind::Directory, 0o1777), "drwxrwxrwt");
        assert_eq!(mode(FileKind::File, 0o4755), "-rwsr-xr-x");
        assert_eq!(mode(FileKind::File, 0o2640), "-rw-r-S---");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        let shown = [0, 951_782_400_000, 1_795_521_900_000, -1].map(date);
        assert_eq!(shown, ["1970-01-01 00:00", "2000-02-29 00:00", "2026-11-24 12:05", "1969-12-31 23:59"]);
    }

    #[test]
    fn times_keep_two_or_three_digits() {
        let shown = [0, 999, 75_000, 4_130_000, 250_000_000, 1_200_000_000].map(nanos);
        assert_eq!(shown, ["0 ns", "999 ns", "75 µs", "4.1 ms", "250 ms", "1.20 s"]);
    }

    #[test]
    fn a_clock_that_runs_behind_makes_nothing_older_than_now() {
        assert_eq!(age(10_000, 5_000), "just now");
        assert_eq!(age(0, 3 * 3_600_000), "3 h");
    }

    #[test]
    fn spans_and_clocks_round_up_so_that_nothing_ends_at_zero() {
        assert_eq!(
            [5_400_000, 1_800_000, 44_001, 90_000_000].map(span),
            ["1 h 30 min", "30 min", "45 s", "1 d 1 h"]
        );
        assert_eq!([1, 1_781_000, 3_723_000].map(clock), ["0:01", "29:41", "1:02:03"]);
        assert_eq!([500, 2000, 1250].map(cpus), ["0.5", "2", "1.25"]);
    }

    #[test]
    fn an_exit_says_status_signal_or_memory() {
        let of = |code, signal, out_of_memory| exit(Exit { code, signal, out_of_memory });
        assert_eq!(of(7, None, false), "Exited with status 7");
        assert_eq!(of(143, Some(15), false), "Ended by signal 15 (SIGTERM)");
        assert_eq!(of(137, Some(9), true), "Killed: the container used up its memory");
    }

    #[test]
    fn id_maps_show_both_ranges() {
        let map = IdMap { inside: 0, outside: 655_360, count: 65_536 };
        assert_eq!(id_maps(&[map]), "0…65535 → 655360…720895");
        assert_eq!(id_maps(&[IdMap { inside: 0, outside: 0, count: u32::MAX }]), "every id is itself");
        assert_eq!(id_maps(&[]), "none");
    }
}

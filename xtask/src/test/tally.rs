//! How many passed, failed and were skipped: counted from the runners' own summaries.

use std::fmt;
use std::ops::AddAssign;

/// Numbers of tests and checks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(super) passed: u64,
    pub(super) failed: u64,
    pub(super) skipped: u64,
}

impl Tally {
    pub(super) fn passed(passed: u64) -> Self {
        Self { passed, ..Self::default() }
    }

    pub(super) fn failed(failed: u64) -> Self {
        Self { failed, ..Self::default() }
    }

    pub(super) fn skipped(skipped: u64) -> Self {
        Self { skipped, ..Self::default() }
    }

    /// Of `cargo nextest run`: `Summary [ 1.2s] 21 tests run: 19 passed (1 slow), 1 failed, 1 timed out, 3 skipped`.
    /// Whatever ran and did not pass has failed.
    pub(super) fn of_nextest(output: &str) -> Self {
        let summary =
            output.lines().rfind(|line| line.trim_start().starts_with("Summary [")).unwrap_or_default();
        let run = before(summary, " tests run:").or_else(|| before(summary, " test run:")).unwrap_or(0);
        let passed = before(summary, " passed").unwrap_or(0);
        Self { passed, failed: run.saturating_sub(passed), skipped: before(summary, " skipped").unwrap_or(0) }
    }

    /// Of `cargo test`, one for each program: `test result: ok. 5 passed; 0 failed; 1 ignored; …`.
    pub(crate) fn of_cargo_test(output: &str) -> Self {
        let mut sum = Self::default();
        for line in output.lines().filter(|line| line.starts_with("test result:")) {
            sum += Self {
                passed: before(line, " passed").unwrap_or(0),
                failed: before(line, " failed").unwrap_or(0),
                skipped: before(line, " ignored").unwrap_or(0),
            };
        }
        sum
    }

    /// Of `node --test`: lines such as `ℹ pass 5`.
    pub(super) fn of_node(output: &str) -> Self {
        let number = |name: &str| -> u64 {
            let after = |line: &str| line.strip_prefix("ℹ ")?.strip_prefix(name)?.trim().parse().ok();
            output.lines().rev().find_map(after).unwrap_or(0)
        };
        Self {
            passed: number("pass "),
            failed: number("fail ") + number("cancelled "),
            skipped: number("skipped ") + number("todo "),
        }
    }
}

/// The number that stands right before `label`.
fn before(line: &str, label: &str) -> Option<u64> {
    let (head, _) = line.split_once(label)?;
    head.rsplit(|character: char| !character.is_ascii_digit()).next()?.parse().ok()
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed, {} skipped", self.passed, self.failed, self.skipped)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_of_nextest_is_read() {
        let output = "    PASS x\n     Summary [   1.234s] 21 tests run: 19 passed (1 slow), 1 failed, 1 timed out, 3 skipped\n";
        assert_eq!(Tally::of_nextest(output), Tally { passed: 19, failed: 2, skipped: 3 });
        let one = "     Summary [   0.1s] 1 test run: 1 passed, 0 skipped";
        assert_eq!(Tally::of_nextest(one), Tally::passed(1));
        assert_eq!(Tally::of_nextest("error: could not compile"), Tally::default());
    }

    #[test]
    fn the_summaries_of_cargo_test_are_added() {
        let output = "test result: ok. 5 passed; 0 failed; 1 ignored; 0 measured\n\
                      test result: FAILED. 2 passed; 3 failed; 0 ignored; 0 measured\n";
        assert_eq!(Tally::of_cargo_test(output), Tally { passed: 7, failed: 3, skipped: 1 });
    }

    #[test]
    fn the_summary_of_node_is_read() {
        let output = "ℹ tests 9\nℹ suites 0\nℹ pass 5\nℹ fail 1\nℹ cancelled 1\nℹ skipped 2\nℹ todo 0\n";
        assert_eq!(Tally::of_node(output), Tally { passed: 5, failed: 2, skipped: 2 });
    }
}

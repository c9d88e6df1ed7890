//! A list of durations and what one says of it.

use std::time::Duration;

use serde_json::{Value, json};

/// Durations of one kind.
#[derive(Default)]
pub(crate) struct Sample {
    sorted: Vec<Duration>,
}

impl Sample {
    pub(crate) fn add(&mut self, duration: Duration) {
        let at = self.sorted.partition_point(|other| *other <= duration);
        self.sorted.insert(at, duration);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// The value that `percent` of a hundred do not exceed, by nearest rank, in milliseconds. 0 is the least.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let rank = (self.sorted.len() * percent).div_ceil(100).max(1);
        self.sorted.get(rank - 1).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1e3)
    }

    pub(crate) fn json(&self) -> Value {
        let micros: Vec<_> = self.sorted.iter().map(Duration::as_micros).map(|us| json!(us)).collect();
        json!({
            "min_ms": self.percentile(0),
            "p50_ms": self.percentile(50),
            "p90_ms": self.percentile(90),
            "sorted_micros": micros,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let mut sample = Sample::default();
        for ms in [5, 1, 4, 2, 3] {
            sample.add(Duration::from_millis(ms));
        }
        let values: Vec<_> =
            [0, 50, 90, 100].iter().map(|percent| format!("{:.1}", sample.percentile(*percent))).collect();
        assert_eq!(values, ["1.0", "3.0", "5.0", "5.0"]);
    }
}

//! Turns of containers at the CPUs.

use std::time::{Duration, Instant};

use super::Engine;

impl Engine {
    /// Weighs the containers anew by what they have used of CPU time, when that is due. Answers how long it is until the next time; none
    /// while there is nothing to weigh.
    pub(crate) fn weigh(&mut self) -> Option<Duration> {
        let alive = || self.containers.iter().filter(|(_, container)| container.life.is_some());
        if alive().next().is_none() || !self.cgroups.weighs() {
            return None;
        }
        let now = Instant::now();
        if self.weights.due(now).is_zero() {
            let used = |id: &str| self.cgroups.cpu_time(id).map(Duration::from_nanos);
            let all = alive().filter_map(|(id, _)| Some((id.clone(), used(id)?))).collect();
            for (id, weight) in self.weights.turn(now, all) {
                // Refused for one that is just ending.
                let _ = self.cgroups.weigh(&id, weight);
            }
        }
        Some(self.weights.due(now))
    }
}

//! Who goes when.

/// A shuffled order for each round (Fisher and Yates), the same in every run: nobody always follows the same neighbour.
pub(crate) fn order(round: usize, count: usize) -> Vec<usize> {
    let mut order: Vec<_> = (0..count).collect();
    let mut state = round as u64 + 1;
    for left in (1..count).rev() {
        // Knuth's MMIX generator; its upper half is the better one.
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let pick = usize::try_from(state >> 33).unwrap_or(0) % (left + 1);
        order.swap(left, pick);
    }
    order
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_round_has_everyone_once_in_another_order() {
        let rounds: Vec<_> = (0..50).map(|round| order(round, 7)).collect();
        for round in &rounds {
            let mut sorted = round.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, [0, 1, 2, 3, 4, 5, 6]);
        }
        let firsts: std::collections::BTreeSet<_> = rounds.iter().map(|round| round[0]).collect();
        assert_eq!(firsts.len(), 7, "everyone goes first at some time");
    }
}

//! Names for containers that were given none: an adjective and an animal, such as `calm_otter`.

const ADJECTIVES: [&str; 40] = [
    "amber", "brave", "bright", "brisk", "calm", "clever", "crisp", "deft", "eager", "fair", "fleet", "fond",
    "frank", "gentle", "glad", "happy", "hardy", "keen", "kind", "light", "lively", "lucky", "merry", "mild",
    "neat", "noble", "plucky", "proud", "quick", "quiet", "rapid", "sage", "sharp", "snug", "spry", "steady",
    "sunny", "swift", "warm", "wise",
];

const ANIMALS: [&str; 40] = [
    "auk", "badger", "beaver", "bison", "crane", "curlew", "dolphin", "dormouse", "eider", "ermine",
    "falcon", "finch", "gannet", "grebe", "hare", "heron", "ibex", "ibis", "jackdaw", "kestrel", "kite",
    "lark", "linnet", "lynx", "marten", "narwhal", "newt", "orca", "osprey", "otter", "petrel", "plover",
    "puffin", "raven", "seal", "stork", "tern", "vole", "walrus", "wren",
];

/// A name for which `taken` says no. The random number picks where to begin; when all 1,600 are taken, a number is
/// appended.
pub(super) fn make_up(random: u32, taken: impl Fn(&str) -> bool) -> String {
    let count = ADJECTIVES.len() * ANIMALS.len();
    let begin = random as usize % count;
    let plain = (0..count).map(|step| {
        // 7 shares no factor with 1,600: every pair comes up once.
        let pick = (begin + step * 7) % count;
        format!("{}_{}", ADJECTIVES[pick / ANIMALS.len()], ANIMALS[pick % ANIMALS.len()])
    });
    let numbered = (2u64..).map(|number| {
        format!("{}_{}_{number}", ADJECTIVES[begin / ANIMALS.len()], ANIMALS[begin % ANIMALS.len()])
    });
    plain.chain(numbered).find(|name| !taken(name)).expect("there are more numbers than containers")
}

#[cfg(test)]
mod tests {
    use super::make_up;
    use porthole_protocol::ids::check_name;
    use std::collections::HashSet;

    #[test]
    fn every_name_is_valid_and_none_is_given_twice() {
        let mut taken = HashSet::new();
        for random in 0..2000 {
            let name = make_up(random, |name| taken.contains(name));
            check_name(&name).unwrap();
            assert!(taken.insert(name));
        }
    }
}

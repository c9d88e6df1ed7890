//! The filter once more, by names: for engines that make their own from it. It is written from the same tables, so that both
//! let through the same.

use super::assemble::{Condition, Leaf};
use super::{allowed, conditional, data};
use nix::libc;

/// What happens to some calls. Those that no rule names fail with `EPERM`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) names: Vec<&'static str>,
    /// The error it fails with; none when it is made.
    pub(crate) errno: Option<i32>,
    /// All of these must hold.
    pub(crate) arguments: Vec<Argument>,
}

/// An argument whose bits under `mask` are those of `value`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Argument {
    pub(crate) index: u32,
    pub(crate) mask: u32,
    pub(crate) value: u32,
}

/// The whole list. Comparisons are of the low 32 bits, as the kernel reads them.
pub(crate) fn rules() -> Vec<Rule> {
    let always = allowed::ALWAYS.iter().map(|(name, _)| plain(name)).collect();
    let mut rules = vec![
        Rule { names: always, errno: None, arguments: Vec::new() },
        Rule { names: vec!["clone3"], errno: Some(libc::ENOSYS), arguments: Vec::new() },
    ];
    for ((name, _), leaf) in conditional() {
        let (rows, otherwise) = match leaf {
            Leaf::When { rows, otherwise } => (rows, otherwise),
            Leaf::Pretend => {
                rules.push(Rule { names: vec![plain(name)], errno: Some(0), arguments: Vec::new() });
                continue;
            }
            Leaf::Allow | Leaf::Refuse => continue,
        };
        for arguments in rows.iter().flat_map(|row| combinations(row)) {
            rules.push(Rule { names: vec![plain(name)], errno: None, arguments });
        }
        if otherwise != libc::EPERM {
            let refused = contrary(&rows).into_iter();
            rules.extend(refused.map(|arguments| Rule {
                names: vec![plain(name)],
                errno: Some(otherwise),
                arguments,
            }));
        }
    }
    rules
}

fn plain(name: &'static str) -> &'static str {
    name.strip_prefix("SYS_").unwrap_or(name)
}

/// Whatever fulfils none of the rows. Each row begins with values of one argument, which no other row has, and asks for values
/// of at most one more.
fn contrary(rows: &[Vec<(u32, Condition)>]) -> Vec<Vec<Argument>> {
    let blocks = |offset: u32, values: &[u32]| {
        let index = index(offset);
        others(values, 0, 0).into_iter().map(move |(mask, value)| Argument { index, mask, value })
    };
    let (mut all, mut firsts) = (Vec::new(), Vec::new());
    for row in rows {
        let [(first, Condition::AnyOf(these)), rest @ ..] = &row[..] else {
            unreachable!("such rows begin with values")
        };
        firsts.push((*first, *these));
        let Some((second, Condition::AnyOf(those))) = rest.first() else { continue };
        for argument in blocks(*second, those) {
            all.extend(
                these
                    .iter()
                    .map(|&value| vec![Argument { index: index(*first), mask: u32::MAX, value }, argument]),
            );
        }
    }
    let values: Vec<u32> = firsts.iter().flat_map(|(_, values)| values.iter().copied()).collect();
    all.extend(blocks(firsts[0].0, &values).map(|argument| vec![argument]));
    all
}

/// The number of the argument at this offset.
fn index(offset: u32) -> u32 {
    (offset - data::argument(0)) / (data::argument(1) - data::argument(0))
}

/// A row as alternatives that can be written: each condition is one or more of them, and all of a row must hold.
fn combinations(row: &[(u32, Condition)]) -> Vec<Vec<Argument>> {
    row.iter().fold(vec![Vec::new()], |so_far, (offset, condition)| {
        let index = index(*offset);
        let alternatives: Vec<Argument> = match condition {
            Condition::AnyOf(values) => {
                values.iter().map(|&value| Argument { index, mask: u32::MAX, value }).collect()
            }
            Condition::NoneOfBits(mask) => vec![Argument { index, mask: *mask, value: 0 }],
            Condition::NoneOf(values) => others(values, 0, 0)
                .into_iter()
                .map(|(mask, value)| Argument { index, mask, value })
                .collect(),
        };
        let with = |row: &Vec<Argument>| {
            alternatives.iter().map(|argument| [row.clone(), vec![*argument]].concat()).collect::<Vec<_>>()
        };
        so_far.iter().flat_map(with).collect()
    })
}

/// All numbers that are none of `values`, as the largest blocks with the same leading bits: of those that begin with the
/// bits of `value` under `mask`. There is no "not equal" under a mask.
fn others(values: &[u32], mask: u32, value: u32) -> Vec<(u32, u32)> {
    let inside = |values: &[u32], mask: u32, value: u32| values.iter().any(|other| other & mask == value);
    if !inside(values, mask, value) {
        return vec![(mask, value)];
    }
    let next = !mask & (mask >> 1 | 1 << 31);
    if next == 0 {
        return Vec::new();
    }
    [0, next].into_iter().flat_map(|bit| others(values, mask | next, value | bit)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_none_of_some_numbers_is_every_other_one() {
        let values = [0x5412, 0x541c, 0x5423];
        let blocks = others(&values, 0, 0);
        assert!(blocks.len() < 64, "{}", blocks.len());
        let holds = |number: u32| blocks.iter().any(|(mask, value)| number & mask == *value);
        let neighbours = values.iter().flat_map(|value| [value - 1, value + 1, value ^ 0x8000_0000]);
        assert!(neighbours.chain([0, u32::MAX, 0x5401]).all(holds));
        assert!(!values.into_iter().any(holds));
        assert_eq!(others(&[], 0, 0), [(0, 0)]);
    }

    #[test]
    fn rows_become_every_combination_of_their_alternatives() {
        let (sockets, refused): (Vec<_>, Vec<_>) = rules()
            .into_iter()
            .filter(|rule| rule.names == ["socket"])
            .partition(|rule| rule.errno.is_none());
        // Unix; two families by eight protocols; netlink for routes.
        assert_eq!(sockets.len(), 1 + 2 * 8 + 1);
        assert!(sockets.iter().all(|rule| rule.arguments.iter().all(|argument| argument.mask == u32::MAX)));
        // Whatever is in none of those is answered otherwise, and nothing that is.
        let answered = |family: u32, protocol: u32| {
            let holds = |a: &Argument| [family, 1, protocol][a.index as usize] & a.mask == a.value;
            let of = |rules: &[Rule]| rules.iter().any(|rule| rule.arguments.iter().all(holds));
            (of(&sockets), of(&refused))
        };
        for (family, protocol) in [(1, 7), (2, 0), (2, 6), (10, 58), (16, 0), (2, 262)] {
            assert_eq!(answered(family, protocol), (true, false), "{family} {protocol}");
        }
        for (family, protocol) in [(0, 0), (3, 0), (16, 9), (2, 132), (10, 33), (38, 0), (u32::MAX, 0)] {
            assert_eq!(answered(family, protocol), (false, true), "{family} {protocol}");
        }
        let clone: Vec<_> = rules().into_iter().filter(|rule| rule.names == ["clone"]).collect();
        assert_eq!(clone[0].arguments, [Argument { index: 0, mask: 0x7e02_0000, value: 0 }]);
    }
}

//! `/proc/PID/uid_map` and `gid_map`, see `user_namespaces(7)`.

use porthole_protocol::kernel::IdMap;

/// Reads the lines that are three numbers.
pub(super) fn parse(text: &str) -> Vec<IdMap> {
    let line = |line: &str| {
        let mut numbers = line.split_ascii_whitespace().map(str::parse::<u32>);
        let (Some(Ok(inside)), Some(Ok(outside)), Some(Ok(count)), None) =
            (numbers.next(), numbers.next(), numbers.next(), numbers.next())
        else {
            return None;
        };
        Some(IdMap { inside, outside, count })
    };
    text.lines().filter_map(line).collect()
}

/// The id inside of an id outside; none when it is not mapped.
pub(super) fn inside(map: &[IdMap], outside: u32) -> Option<u32> {
    map.iter().find_map(|range| {
        let index = outside.checked_sub(range.outside)?;
        if index < range.count { range.inside.checked_add(index) } else { None }
    })
}

/// The id outside of an id inside; none when it is not mapped.
pub(super) fn outside(map: &[IdMap], inside: u32) -> Option<u32> {
    map.iter().find_map(|range| {
        let index = inside.checked_sub(range.inside)?;
        if index < range.count { range.outside.checked_add(index) } else { None }
    })
}

#[cfg(test)]
mod tests {
    use super::{inside, outside, parse};
    use porthole_protocol::kernel::IdMap;
    use proptest::prelude::*;

    #[test]
    fn maps_are_read_and_followed() {
        let map = parse("         0     589824      65536\n 70000 1000 1\n");
        let whole = IdMap { inside: 0, outside: 589_824, count: 65_536 };
        assert_eq!(map, [whole, IdMap { inside: 70_000, outside: 1000, count: 1 }]);
        let cases =
            [(589_824, Some(0)), (655_359, Some(65_535)), (655_360, None), (1000, Some(70_000)), (0, None)];
        for (outside, expected) in cases {
            assert_eq!(inside(&map, outside), expected, "{outside}");
        }
        let cases = [(0, Some(589_824)), (65_535, Some(655_359)), (65_536, None), (70_000, Some(1000))];
        for (id, expected) in cases {
            assert_eq!(outside(&map, id), expected, "{id}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "[0-9 \n-]{0,100}", id: u32) {
            inside(&parse(&text), id);
            outside(&parse(&text), id);
        }
    }
}

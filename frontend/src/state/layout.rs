//! Terminals side by side in one tab: a tree of splits, and the place it gives to each.
//!
//! Lengths are whole numbers, in ten-thousandths of the tab: to print others takes 10 KiB of tables.

use super::tabs::TabKey;

/// The whole of a length.
pub const WHOLE: u16 = 10_000;
/// The least share of a split that either side keeps.
const LEAST: u16 = 1_000;

/// How two terminals stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Axis {
    /// Side by side.
    Row,
    /// One above the other.
    Column,
}

/// The terminals of a tab.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree {
    /// One.
    Pane(TabKey),
    /// Two parts.
    Split(Box<Split>),
}

/// Two parts, and the line between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    axis: Axis,
    /// Of the first one.
    share: u16,
    first: Tree,
    second: Tree,
}

/// A rectangle.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    /// From the left.
    pub x: u16,
    /// From above.
    pub y: u16,
    /// To the right.
    pub width: u16,
    /// Down.
    pub height: u16,
}

/// A line that can be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Divider {
    /// How the two parts stand to each other.
    pub axis: Axis,
    /// What both have together.
    pub within: Area,
    /// Of the first one.
    pub share: u16,
}

/// Where everything is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    /// The terminals, in reading order.
    pub panes: Vec<(TabKey, Area)>,
    /// The lines between them. Their order is that of [`Tree::move_divider`].
    pub dividers: Vec<Divider>,
}

/// A part of a length.
fn part(length: u16, share: u16) -> u16 {
    let part = u32::from(length) * u32::from(share) / u32::from(WHOLE);
    u16::try_from(part).unwrap_or(length)
}

impl Divider {
    /// The share of the first part when the line is at this place, from the left or from above.
    #[must_use]
    pub fn share_at(&self, x: u16, y: u16) -> u16 {
        let (at, from, length) = match self.axis {
            Axis::Row => (x, self.within.x, self.within.width),
            Axis::Column => (y, self.within.y, self.within.height),
        };
        let share = u32::from(at.saturating_sub(from)) * u32::from(WHOLE) / u32::from(length.max(1));
        u16::try_from(share).unwrap_or(WHOLE)
    }
}

impl Tree {
    /// The terminals, in reading order.
    #[must_use]
    pub fn panes(&self) -> Vec<TabKey> {
        self.places().panes.into_iter().map(|(key, _)| key).collect()
    }

    /// Where everything is.
    #[must_use]
    pub fn places(&self) -> Places {
        let mut places = Places::default();
        self.place(Area { x: 0, y: 0, width: WHOLE, height: WHOLE }, &mut places);
        places
    }

    fn place(&self, within: Area, places: &mut Places) {
        let split = match self {
            Self::Pane(key) => return places.panes.push((*key, within)),
            Self::Split(split) => split,
        };
        let Split { axis, share, first, second } = &**split;
        places.dividers.push(Divider { axis: *axis, within, share: *share });
        let (mut before, mut after) = (within, within);
        match axis {
            Axis::Row => {
                before.width = part(within.width, *share);
                after.x += before.width;
                after.width -= before.width;
            }
            Axis::Column => {
                before.height = part(within.height, *share);
                after.y += before.height;
                after.height -= before.height;
            }
        }
        first.place(before, places);
        second.place(after, places);
    }

    /// Puts a terminal beside this one: they share its place by halves. Nothing happens when it is not here.
    pub fn split(&mut self, beside: TabKey, new: TabKey, axis: Axis) {
        match self {
            Self::Pane(key) if *key == beside => {
                let (first, second) = (Self::Pane(beside), Self::Pane(new));
                *self = Self::Split(Box::new(Split { axis, share: WHOLE / 2, first, second }));
            }
            Self::Pane(_) => {}
            Self::Split(split) => {
                split.first.split(beside, new, axis);
                split.second.split(beside, new, axis);
            }
        }
    }

    /// The tree without a terminal, whose place goes to what stood beside it; none when nothing is left.
    #[must_use]
    pub fn without(self, gone: TabKey) -> Option<Self> {
        match self {
            Self::Pane(key) => (key != gone).then_some(self),
            Self::Split(split) => {
                let Split { axis, share, first, second } = *split;
                match (first.without(gone), second.without(gone)) {
                    (Some(first), Some(second)) => {
                        Some(Self::Split(Box::new(Split { axis, share, first, second })))
                    }
                    (left, right) => left.or(right),
                }
            }
        }
    }

    /// Gives the first part of a line's two this share, within what leaves both to be seen.
    pub fn move_divider(&mut self, index: usize, share: u16) {
        self.visit(&mut 0, &mut |at, split| {
            if at == index {
                split.share = share.clamp(LEAST, WHOLE - LEAST);
            }
        });
    }

    fn visit(&mut self, next: &mut usize, see: &mut dyn FnMut(usize, &mut Split)) {
        if let Self::Split(split) = self {
            see(*next, split);
            *next += 1;
            split.first.visit(next, see);
            split.second.visit(next, see);
        }
    }

    /// The tree as a list: each terminal, in reading order, with the splits that begin with it from the outermost on: the
    /// share, negative where one part is above the other.
    #[must_use]
    pub fn flat(&self) -> Vec<(TabKey, Vec<i32>)> {
        let mut list = Vec::new();
        self.flatten(Vec::new(), &mut list);
        list
    }

    fn flatten(&self, mut begun: Vec<i32>, list: &mut Vec<(TabKey, Vec<i32>)>) {
        match self {
            Self::Pane(key) => list.push((*key, begun)),
            Self::Split(split) => {
                let share = i32::from(split.share);
                begun.push(if split.axis == Axis::Row { share } else { -share });
                split.first.flatten(begun, list);
                split.second.flatten(Vec::new(), list);
            }
        }
    }

    /// The tree at the beginning of such a list; none when the list ends too early.
    pub fn of_flat(list: &mut dyn Iterator<Item = (TabKey, Vec<i32>)>) -> Option<Self> {
        let (key, begun) = list.next()?;
        let mut tree = Self::Pane(key);
        // The innermost split begins last.
        for share in begun.into_iter().rev() {
            let axis = if share < 0 { Axis::Column } else { Axis::Row };
            let share = u16::try_from(share.unsigned_abs()).unwrap_or(WHOLE / 2).clamp(LEAST, WHOLE - LEAST);
            let second = Self::of_flat(list)?;
            tree = Self::Split(Box::new(Split { axis, share, first: tree, second }));
        }
        Some(tree)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 1 on the left; on the right 2 above 3.
    fn three() -> Tree {
        let mut tree = Tree::Pane(1);
        tree.split(1, 2, Axis::Row);
        tree.split(2, 3, Axis::Column);
        tree
    }

    fn area(x: u16, y: u16, width: u16, height: u16) -> Area {
        Area { x, y, width, height }
    }

    #[test]
    fn a_split_shares_the_place_of_the_one_it_is_beside() {
        let places = three().places();
        assert_eq!(
            places.panes,
            [
                (1, area(0, 0, 5_000, 10_000)),
                (2, area(5_000, 0, 5_000, 5_000)),
                (3, area(5_000, 5_000, 5_000, 5_000))
            ]
        );
        assert_eq!(places.dividers.len(), 2);
        assert_eq!(places.dividers[1].within, area(5_000, 0, 5_000, 10_000));
    }

    #[test]
    fn what_is_closed_leaves_its_place_to_its_neighbour() {
        let rest = three().without(2).expect("two are left");
        assert_eq!(rest.places().panes, [(1, area(0, 0, 5_000, 10_000)), (3, area(5_000, 0, 5_000, 10_000))]);
        assert_eq!(rest.without(1).and_then(|rest| rest.without(3)), None);
    }

    #[test]
    fn a_line_moves_and_stops_before_a_part_is_gone() {
        let mut tree = three();
        tree.move_divider(1, 2_500);
        assert_eq!(tree.places().panes[1].1, area(5_000, 0, 5_000, 2_500));
        tree.move_divider(0, 0);
        assert_eq!(tree.places().panes[0].1.width, LEAST);
        tree.move_divider(0, WHOLE);
        assert_eq!(tree.places().panes[0].1.width, WHOLE - LEAST);
        assert_eq!(tree.places().panes[1].1.width, LEAST);
    }

    #[test]
    fn a_place_on_the_page_is_a_share_of_the_parts_it_lies_between() {
        let lower = three().places().dividers[1];
        assert_eq!(lower.share_at(9_999, 2_500), 2_500);
        let right = Divider { axis: Axis::Row, within: area(5_000, 0, 5_000, 10_000), share: 5_000 };
        assert_eq!(right.share_at(7_500, 0), 5_000);
        assert_eq!(right.share_at(100, 0), 0, "left of where it may be");
    }

    #[test]
    fn every_tree_comes_back_from_its_list() {
        let mut tree = three();
        tree.split(1, 4, Axis::Column);
        tree.split(4, 5, Axis::Row);
        tree.move_divider(2, 7_000);
        let list = tree.flat();
        assert_eq!(Tree::of_flat(&mut list.into_iter()), Some(tree));
        assert_eq!(Tree::of_flat(&mut vec![(1, vec![5_000])].into_iter()), None, "half a split");
    }
}

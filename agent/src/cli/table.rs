//! Aligned columns.

use std::fmt;

/// Blanks between two columns, as Docker prints them.
const GAP: usize = 3;

/// A table with a heading; the last column may be of any width.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table of these columns.
    pub(super) fn new<'a>(heading: impl IntoIterator<Item = &'a str>) -> Self {
        Self { rows: vec![heading.into_iter().map(str::to_owned).collect()] }
    }

    /// Adds a row: one cell for each column.
    pub(super) fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let cells: Vec<String> = cells.into_iter().map(|cell| printable(&cell)).collect();
        debug_assert_eq!(cells.len(), self.rows[0].len(), "a row has one cell for each column");
        self.rows.push(cells);
    }
}

/// The text without control characters. Names and command lines come from inside containers, and what a stranger wrote
/// there must not move this terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = self.rows[0].len();
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        for row in &self.rows {
            let mut line = String::new();
            for (cell, width) in row.iter().zip(&widths) {
                line.push_str(cell);
                line.extend(std::iter::repeat_n(' ', width - cell.chars().count() + GAP));
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(["NAME", "SIZE"]);
        table.row(["calm_otter".into(), "1".into()]);
        table.row(["é".into(), "22".into()]);
        assert_eq!(table.to_string(), "NAME         SIZE\ncalm_otter   1\né            22\n");
    }

    #[test]
    fn control_characters_of_a_stranger_do_not_reach_the_terminal() {
        let mut table = Table::new(["COMMAND"]);
        table.row(["\u{1b}[2J\u{9b}31m\n".into()]);
        assert_eq!(table.to_string(), "COMMAND\n\u{fffd}[2J\u{fffd}31m\u{fffd}\n");
    }

    proptest! {
        #[test]
        fn every_row_starts_its_second_column_at_the_same_place(cells in prop::collection::vec("[a-z]{1,30}", 1..20)) {
            let mut table = Table::new(["A", "B"]);
            for cell in &cells {
                table.row([cell.clone(), "X".into()]);
            }
            let text = table.to_string();
            let mut places = text.lines().skip(1).map(|line| line.rfind('X'));
            let first = places.next().flatten();
            prop_assert!(places.all(|place| place == first));
        }
    }
}

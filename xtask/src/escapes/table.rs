//! The table: cases by engines.

use std::fmt::Write;

use anyhow::{Context, Result, bail};

/// What stands before and after the table in the document.
const MARK: &str = "<!-- escapes -->";

/// One engine's results.
#[derive(Clone, Debug)]
pub(super) struct Column {
    pub(super) engine: String,
    rows: Vec<Row>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    case: String,
    verdict: String,
    /// Whether the same attempt succeeds without a container.
    proved: bool,
    evidence: String,
}

impl Column {
    /// Reads what the suite wrote: case, verdict, whether there is a counter-proof, and evidence, separated by tabs.
    ///
    /// # Errors
    /// When a line is none of its.
    pub(super) fn read(engine: &str, report: &str) -> Result<Self> {
        let row = |line: &str| match line.split('\t').collect::<Vec<_>>()[..] {
            [case, verdict, proved, evidence] => Ok(Row {
                case: case.to_owned(),
                verdict: verdict.to_owned(),
                proved: proved == "true",
                evidence: evidence.to_owned(),
            }),
            _ => bail!("no line of a report: {line:?}"),
        };
        Ok(Self { engine: engine.to_owned(), rows: report.lines().map(row).collect::<Result<_>>()? })
    }

    /// Whether nothing got out.
    pub(super) fn is_contained(&self) -> bool {
        self.rows.iter().all(|row| matches!(row.verdict.as_str(), "contained" | "not applicable"))
    }

    fn verdict(&self, case: &str) -> &str {
        self.rows.iter().find(|row| row.case == case).map_or("not played", |row| &row.verdict)
    }
}

/// For reading at once: a line for each case, and the evidence below whatever is not contained.
pub(super) fn for_terminal(columns: &[Column]) -> String {
    let mut text = String::new();
    let width = columns[0].rows.iter().map(|row| row.case.chars().count()).max().unwrap_or(0);
    let mut line = |first: &str, others: Vec<&str>| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{first:<width$}");
        others.iter().for_each(|other| text.push_str(&format!("  {other:<14}")));
        text.push('\n');
    };
    line("case", columns.iter().map(|column| column.engine.as_str()).collect());
    for row in &columns[0].rows {
        line(&row.case, columns.iter().map(|column| column.verdict(&row.case)).collect());
    }
    for column in columns {
        for row in column.rows.iter().filter(|row| row.verdict != "contained") {
            let _ = write!(text, "\n{}, {}: {}, {}", column.engine, row.case, row.verdict, row.evidence);
        }
    }
    text
}

/// The document with this table in the place of the one it had.
///
/// # Errors
/// When the document has no place for it.
pub(super) fn publish(document: &str, columns: &[Column]) -> Result<String> {
    let mut parts = document.split(MARK);
    let (before, _, after) = (parts.next(), parts.next(), parts.next());
    let after = after.with_context(|| format!("the document has no two lines {MARK}"))?;
    let engines: Vec<_> = columns.iter().map(|column| column.engine.as_str()).collect();
    let mut table = format!("| case | {} | without a container | evidence |\n", engines.join(" | "));
    table += &"|---".repeat(engines.len() + 3);
    table += "|\n";
    for row in &columns[0].rows {
        let verdicts: Vec<_> = columns.iter().map(|column| column.verdict(&row.case)).collect();
        let proved = if row.proved { "succeeds" } else { "" };
        let evidence = row.evidence.replace('|', "\\|");
        table += &format!("| {} | {} | {proved} | {evidence} |\n", row.case, verdicts.join(" | "));
    }
    let different = different(&columns[1..]);
    Ok(format!("{}{MARK}\n{table}{different}{MARK}{after}", before.unwrap_or_default()))
}

/// What other engines do not contain, in a list below the table, as the attempt itself says it.
fn different(columns: &[Column]) -> String {
    let mut list = String::new();
    for column in columns {
        for row in column.rows.iter().filter(|row| row.verdict != "contained") {
            let evidence: String = row.evidence.chars().take(240).collect();
            list += &format!("- **{}**, {}: {}: {evidence}\n", column.engine, row.case, row.verdict);
        }
    }
    if list.is_empty() { list } else { format!("\n{list}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns() -> [Column; 2] {
        let ours = "one\tcontained\ttrue\trefused\ntwo\tcontained\tfalse\ta|b\n";
        [
            Column::read("builtin", ours).unwrap(),
            Column::read("runsc", "one\tescaped\ttrue\tits own kernel\n").unwrap(),
        ]
    }

    #[test]
    fn the_table_in_the_document_is_replaced_and_the_rest_stays() {
        let document = format!("before\n{MARK}\nold\n{MARK}\nafter\n");
        let text = publish(&document, &columns()).unwrap();
        assert_eq!(
            text,
            format!(
                "before\n{MARK}\n| case | builtin | runsc | without a container | evidence |\n|---|---|---|---|---|\n\
                 | one | contained | escaped | succeeds | refused |\n| two | contained | not played |  | a\\|b |\n\n- **runsc**, one: escaped: its own kernel\n{MARK}\nafter\n"
            )
        );
        assert_eq!(publish(&text, &columns()).unwrap(), text);
        assert!(publish("no place", &columns()).is_err());
    }

    #[test]
    fn one_that_got_out_is_seen() {
        let [ours, others] = columns();
        assert!(ours.is_contained() && !others.is_contained());
        assert!(for_terminal(&[ours, others]).contains("runsc, one: escaped, its own kernel"));
    }
}

//! `docs/protocol.md` describes exactly the messages of `shared/src/control.rs`.

use super::finding::Finding;
use super::source::{Repository, Source, line_of};

const TYPES: &str = "shared/src/control.rs";
const DOCUMENT: &str = "docs/protocol.md";

/// An enum of messages, and the section that describes them: one heading each.
const SECTIONS: [(&str, &str); 2] =
    [("ClientMessage", "## From the client"), ("ServerMessage", "## From the agent")];

/// Every variant has its heading, and every heading its variant. A message of both sides may be described once.
pub(super) fn every_message_is_described(repository: &Repository) -> Vec<Finding> {
    let (Some(types), Some(document)) = (repository.file(TYPES), repository.file(DOCUMENT)) else {
        return Vec::new();
    };
    let described: Vec<_> =
        SECTIONS.iter().flat_map(|(_, section)| headings(&document.text, section)).collect();
    let mut findings = Vec::new();
    for (name, section) in SECTIONS {
        let variants: Vec<_> =
            variants(types, name).into_iter().filter(|(_, variant)| variant != "unknown").collect();
        for (line, variant) in &variants {
            if !described.iter().any(|(_, heading)| heading == variant) {
                findings.push(Finding::new(
                    TYPES,
                    *line,
                    format!("{DOCUMENT} has no `{variant}` under “{section}”"),
                ));
            }
        }
        for (line, heading) in headings(&document.text, section) {
            if !variants.iter().any(|(_, variant)| *variant == heading) {
                findings.push(Finding::new(DOCUMENT, line, format!("{name} in {TYPES} has no `{heading}`")));
            }
        }
    }
    findings
}

/// Every close code stands in the table of close codes.
pub(super) fn every_close_code_is_described(repository: &Repository) -> Vec<Finding> {
    let (Some(types), Some(document)) = (repository.file(TYPES), repository.file(DOCUMENT)) else {
        return Vec::new();
    };
    let code = types.code();
    let body = enum_body(&code, "CloseCode");
    body.lines()
        .enumerate()
        .filter_map(|(index, line)| Some((index, line.split_once('=')?.1.trim().trim_end_matches(','))))
        .filter(|(_, number)| !document.text.contains(&format!("| {number} |")))
        .map(|(index, number)| {
            let line = line_of(&code, code.len() - code[code.find(body).unwrap_or(0)..].len()) + index;
            Finding::new(TYPES, line, format!("{DOCUMENT} has no close code {number}"))
        })
        .collect()
}

/// The variants of an enum in snake case, as serde writes them, each with its line.
fn variants(types: &Source, name: &str) -> Vec<(usize, String)> {
    let code = types.code();
    let body = enum_body(&code, name);
    let first_line = line_of(&code, code.find(body).unwrap_or(0));
    let mut depth = 0_usize;
    let mut variants = Vec::new();
    for (index, line) in body.lines().enumerate() {
        let word = line.trim_start();
        if depth == 0 && word.starts_with(char::is_uppercase) {
            let variant: String = word.chars().take_while(|c| c.is_alphanumeric()).collect();
            variants.push((first_line + index, snake_case(&variant)));
        }
        depth = (depth + word.matches('{').count()).saturating_sub(word.matches('}').count());
    }
    variants
}

/// What stands between the braces of an enum; nothing when there is no such enum.
fn enum_body<'a>(code: &'a str, name: &str) -> &'a str {
    let opening = format!("pub enum {name} {{");
    let Some(start) = code.find(&opening).map(|at| at + opening.len()) else { return "" };
    let end = code[start..].find("\n}").map_or(code.len(), |length| start + length);
    &code[start..end]
}

fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    for character in name.chars() {
        if character.is_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.extend(character.to_lowercase());
    }
    snake
}

/// Headings ``### `name` …`` of a section, each with its line.
fn headings(document: &str, section: &str) -> Vec<(usize, String)> {
    document
        .lines()
        .enumerate()
        .skip_while(|(_, line)| *line != section)
        .skip(1)
        .take_while(|(_, line)| !line.starts_with("## "))
        .filter_map(|(index, line)| {
            Some((index + 1, line.strip_prefix("### `")?.split_once('`')?.0.to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTROL: &str = "\
pub enum ClientMessage {
    /// Doc.
    Hello { token: String },
    CloseInput {
        Channel: u32,
    },
    #[serde(other)]
    Unknown,
}
pub enum ServerMessage {
    Welcome,
}
pub enum CloseCode {
    Normal = 1000,
    TooLarge = 4005,
}
";

    #[test]
    fn a_message_without_words_and_words_without_a_message_are_found() {
        let protocol = "## From the client\n### `hello`\n### `gone`\n## From the agent\n### `welcome` (first)\n| 1000 | done |\n";
        let repository = Repository::sample(&[(TYPES, CONTROL), (DOCUMENT, protocol)]);
        let found: Vec<_> =
            every_message_is_described(&repository).iter().map(|f| (f.path.clone(), f.line)).collect();
        assert_eq!(found, [(TYPES.into(), 4), (DOCUMENT.into(), 3)]);
    }

    #[test]
    fn a_close_code_without_words_is_found() {
        let repository =
            Repository::sample(&[(TYPES, CONTROL), (DOCUMENT, "| 1000 | the client is done |\n")]);
        let findings = every_close_code_is_described(&repository);
        assert_eq!(findings, [Finding::new(TYPES, 15, "docs/protocol.md has no close code 4005")]);
    }
}

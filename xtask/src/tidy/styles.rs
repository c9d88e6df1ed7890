//! Every class of a style sheet is used by the page, and every class the page uses is in a style sheet.

use std::collections::BTreeMap;

use super::finding::Finding;
use super::source::{Repository, Source, line_of};

const SHEETS: &str = "static/css/";
const PAGE: &str = "frontend/";

/// Classes that xterm.js gives its own elements.
const FOREIGN: &str = "xterm";

/// Both directions.
pub(super) fn classes_are_defined_and_used(repository: &Repository) -> Vec<Finding> {
    let mut defined = BTreeMap::new();
    for sheet in repository.under(SHEETS, "css") {
        for (line, class) in selectors(&sheet.text) {
            defined.entry(class).or_insert((sheet.path.as_str(), line));
        }
    }
    let words = words(repository);
    let mut findings = Vec::new();
    for (class, (path, line)) in &defined {
        let is_used =
            words.iter().any(|word| word == class || (word.ends_with('-') && class.starts_with(word)));
        if !class.starts_with(FOREIGN) && !is_used {
            findings.push(Finding::new(path, *line, format!("nothing in the page has the class `{class}`")));
        }
    }
    for file in repository.under(PAGE, "rs").filter(|file| file.is_product()) {
        for (line, class) in uses(file) {
            if !defined.contains_key(&class) && !class.contains(['{', '}']) {
                findings.push(Finding::new(
                    &file.path,
                    line,
                    format!("no style sheet knows the class `{class}`"),
                ));
            }
        }
    }
    findings
}

/// Every word of every string of the page: what could be a class. `tone-{tone}` gives `tone-`.
fn words(repository: &Repository) -> Vec<String> {
    let split = |text: &str| -> Vec<String> {
        text.split([' ', '\n', '"', '\'', '`', '{', '}', '=', '>', '<', ',']).map(str::to_owned).collect()
    };
    let rust =
        repository.under(PAGE, "rs").flat_map(|file| file.strings()).flat_map(|(_, text)| split(&text));
    let rest = ["ts", "mjs", "html"].into_iter().flat_map(|kind| repository.under(PAGE, kind));
    rust.chain(rest.flat_map(|file| split(&file.text))).filter(|word| !word.is_empty()).collect()
}

/// The words of `class="…"` and of the strings in `classes!(…)`, each with its line.
fn uses(file: &Source) -> Vec<(usize, String)> {
    let code = file.product_code();
    let mut uses = Vec::new();
    for (start, end) in class_places(&code) {
        let literals = file.text[start..end].split('"').skip(1).step_by(2);
        let line = line_of(&code, start);
        uses.extend(literals.flat_map(str::split_whitespace).map(|class| (line, class.to_owned())));
    }
    uses
}

/// Byte ranges of code that name classes.
fn class_places(code: &str) -> Vec<(usize, usize)> {
    let attribute = "class=\"";
    let attributes = code.match_indices(attribute).filter_map(|(at, _)| {
        let inside = at + attribute.len();
        Some((at, inside + code[inside..].find('"')? + 1))
    });
    let call = "classes!(";
    let calls = code.match_indices(call).filter_map(|(at, _)| {
        let inside = at + call.len();
        let mut depth = 1_usize;
        let end = code[inside..].find(|character| {
            match character {
                '(' => depth += 1,
                ')' => depth -= 1,
                _ => {}
            }
            depth == 0
        })?;
        Some((at, inside + end))
    });
    attributes.chain(calls).collect()
}

/// Classes named by the selectors of a style sheet, each with its line.
fn selectors(sheet: &str) -> Vec<(usize, String)> {
    let sheet = without_comments(sheet);
    let mut classes = Vec::new();
    let mut start = 0;
    for (at, mark) in sheet.match_indices(['{', '}', ';']) {
        let prelude = &sheet[start..at];
        if mark == "{" && !prelude.trim_start().starts_with('@') {
            for (dot, _) in prelude.match_indices('.') {
                let class: String = prelude[dot + 1..]
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || matches!(c, '-' | '_'))
                    .collect();
                if class.starts_with(|first: char| !first.is_ascii_digit()) {
                    classes.push((line_of(&sheet, start + dot), class));
                }
            }
        }
        start = at + 1;
    }
    classes
}

/// Comments give way to as many line ends as they held.
fn without_comments(sheet: &str) -> String {
    let mut rest = sheet;
    let mut plain = String::with_capacity(sheet.len());
    while let Some((before, comment)) = rest.split_once("/*") {
        plain.push_str(before);
        let (comment, after) = comment.split_once("*/").unwrap_or((comment, ""));
        plain.extend(comment.matches('\n'));
        rest = after;
    }
    plain.push_str(rest);
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_of_one_side_alone_is_found() {
        let css = "/* .no */\n@layer a {\n  .used:hover > .dead { margin: .5rem }\n  .tone-ok, .xterm-rows { color: red; }\n}\n";
        let rust = "html! { <p class=\"used\">{ format!(\"tone-{tone}\") }</p> }\n\
                    classes!(\"used\", f(x).then_some(\"unknown\"));\n";
        let repository = Repository::sample(&[("static/css/a.css", css), ("frontend/src/a.rs", rust)]);
        let found: Vec<_> =
            classes_are_defined_and_used(&repository).iter().map(|f| (f.path.clone(), f.line)).collect();
        assert_eq!(found, [("static/css/a.css".into(), 3), ("frontend/src/a.rs".into(), 2)]);
    }
}

//! Just enough of Rust's lexical structure (The Rust Reference, chapter 2) to tell code from comments and strings.

/// What a stretch of text is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Code,
    Comment,
    /// The inside of a string or character literal.
    Literal,
}

/// Comments and the insides of literals replaced by spaces.
pub(super) fn code(text: &str) -> String {
    let mut code = String::with_capacity(text.len());
    for (part, kind) in parts(text) {
        match kind {
            Kind::Code => code.push_str(part),
            Kind::Comment | Kind::Literal => blank(part, &mut code),
        }
    }
    code
}

/// `#[cfg(test)]` and the item after it replaced by spaces.
pub(super) fn without_tests(code: &str) -> String {
    let mut product = String::with_capacity(code.len());
    let mut rest = code;
    while let Some(start) = rest.find("#[cfg(test)]") {
        let (before, item) = rest.split_at(start);
        product.push_str(before);
        let (tests, after) = item.split_at(item_end(item));
        blank(tests, &mut product);
        rest = after;
    }
    product.push_str(rest);
    product
}

/// The insides of the literals outside tests, each with its line.
pub(super) fn strings(text: &str) -> Vec<(usize, String)> {
    let product = without_tests(&code(text));
    let mut offset = 0;
    let mut line = 1;
    let mut strings = Vec::new();
    for (part, kind) in parts(text) {
        // The quotation mark before it is code: blanked, the literal stands in a test.
        if kind == Kind::Literal && !product[..offset].ends_with(' ') {
            strings.push((line, part.to_owned()));
        }
        offset += part.len();
        line += part.matches('\n').count();
    }
    strings
}

/// Where the item at the start of `code` ends: at its semicolon, or at the brace that closes its first one.
fn item_end(code: &str) -> usize {
    let mut depth = 0_usize;
    for (at, character) in code.char_indices() {
        match character {
            ';' if depth == 0 => return at + 1,
            '{' => depth += 1,
            '}' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
            _ => {}
        }
    }
    code.len()
}

fn blank(part: &str, into: &mut String) {
    for character in part.chars() {
        match character {
            '\n' => into.push('\n'),
            other => into.extend(std::iter::repeat_n(' ', other.len_utf8())),
        }
    }
}

/// Splits a text into its stretches. Quotation marks are code, so that one sees that something stood there.
fn parts(text: &str) -> Vec<(&str, Kind)> {
    let mut parts = Vec::new();
    let mut code_start = 0;
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let Some((skip, length, kind)) = opens(text, at, rest) else {
            at += rest.chars().next().map_or(1, char::len_utf8);
            continue;
        };
        parts.push((&text[code_start..at + skip], Kind::Code));
        parts.push((&text[at + skip..at + skip + length], kind));
        // What follows a literal is its closing mark: it must not open another one.
        let closing = usize::from(kind == Kind::Literal).min(text.len() - at - skip - length);
        code_start = at + skip + length;
        at = code_start + closing;
    }
    parts.push((&text[code_start..], Kind::Code));
    parts
}

/// Whether a comment or literal opens here: how many bytes its opening has that stay code, how long its inside is,
/// and what it is.
fn opens(text: &str, at: usize, rest: &str) -> Option<(usize, usize, Kind)> {
    if rest.starts_with("//") {
        return Some((0, rest.find('\n').unwrap_or(rest.len()), Kind::Comment));
    }
    if rest.starts_with("/*") {
        return Some((0, block_comment_length(rest), Kind::Comment));
    }
    let in_name = text[..at].ends_with(|before: char| before.is_alphanumeric() || before == '_');
    if rest.starts_with('r') && (!in_name || text[..at].ends_with('b')) {
        let hashes = rest[1..].bytes().take_while(|byte| *byte == b'#').count();
        let opening = 2 + hashes;
        if rest[1 + hashes..].starts_with('"') {
            let end = format!("\"{}", "#".repeat(hashes));
            let inside = &rest[opening..];
            return Some((opening, inside.find(&end).unwrap_or(inside.len()), Kind::Literal));
        }
    }
    if let Some(inside) = rest.strip_prefix('"') {
        return Some((1, quoted_length(inside, '"'), Kind::Literal));
    }
    let inside = rest.strip_prefix('\'').filter(|inside| is_character(inside))?;
    Some((1, quoted_length(inside, '\''), Kind::Literal))
}

/// A character literal, not a lifetime: an escape, or one character and a quotation mark.
fn is_character(inside: &str) -> bool {
    let mut characters = inside.chars();
    characters.next() == Some('\\') || characters.next() == Some('\'')
}

fn quoted_length(inside: &str, mark: char) -> usize {
    let mut escaped = false;
    for (at, character) in inside.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            other if other == mark => return at,
            _ => {}
        }
    }
    inside.len()
}

/// Block comments nest.
fn block_comment_length(rest: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with("*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_strings_are_no_code() {
        let text = "let a = \"unsafe\"; // unsafe\n/* unsafe /* nested */ unsafe */ let b = r#\"un\"safe\"#;\n'\"'; 'a: loop {}";
        let code = code(text);
        assert_eq!(code.len(), text.len());
        assert_eq!(code.lines().count(), text.lines().count());
        assert!(!code.contains("safe"), "{code}");
        assert!(code.contains("let b") && code.contains("'a: loop {}"), "{code}");
    }

    #[test]
    fn tests_are_no_product() {
        let text = "fn a() {}\n#[cfg(test)]\nmod tests {\n    fn b() { c.unwrap() }\n}\nfn d() {}\n#[cfg(test)]\nuse e;\nfn f() {}\n";
        let product = without_tests(text);
        assert!(!product.contains("unwrap") && !product.contains("use e"), "{product}");
        assert!(
            product.contains("fn a") && product.contains("fn d") && product.contains("fn f"),
            "{product}"
        );
        assert_eq!(product.lines().count(), text.lines().count());
    }

    #[test]
    fn strings_outside_tests_have_their_line() {
        let text = "let a = 'x';\nlet b = \"two\\\"words\";\n#[cfg(test)]\nmod tests { const C: &str = \"three\"; }\n";
        assert_eq!(strings(text), [(1, "x".into()), (2, "two\\\"words".into())]);
    }
}

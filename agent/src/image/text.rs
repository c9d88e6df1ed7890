//! Texts of images on their way to people. A stranger wrote them.

/// Longest text that is shown, in bytes: the longest honest instruction (a shell script in one line) is below.
pub(super) const LONGEST: usize = 4096;

/// The text as one line that neither moves a terminal's cursor nor turns the reading direction, cut at `most` bytes.
/// Line breaks and tabs become spaces; every other character that is not to be seen becomes U+FFFD.
pub(super) fn harmless(text: &str, most: usize) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        let c = match c {
            '\n' | '\t' | '\r' => ' ',
            c if is_invisible(c) => char::REPLACEMENT_CHARACTER,
            c => c,
        };
        if shown.len() + c.len_utf8() > most {
            shown.push('…');
            break;
        }
        shown.push(c);
    }
    shown
}

/// Control characters, and those that change the order of the characters around them (Unicode standard annex 9).
fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_shown_is_one_line_and_moves_nothing() {
        assert_eq!(harmless("RUN a &&\\\n\tb", LONGEST), "RUN a &&\\  b");
        assert_eq!(harmless("\x1b[2Jé\u{202e}", LONGEST), "\u{fffd}[2Jé\u{fffd}");
        assert_eq!(harmless("ééé", 5), "éé…");
    }

    proptest! {
        #[test]
        fn any_text_becomes_harmless(text in "\\PC{0,20}[\\x00-\\x1f]{0,3}\\PC{0,20}", most in 0_usize..40) {
            let shown = harmless(&text, most);
            prop_assert!(shown.len() <= most + '…'.len_utf8());
            prop_assert!(!shown.chars().any(is_invisible));
        }
    }
}

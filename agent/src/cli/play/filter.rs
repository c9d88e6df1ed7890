//! Takes out of recorded output what would make a terminal answer, change how it sends keys, or write to its clipboard:
//! the answers would go to whoever reads the keyboard now, a shell as a rule, and be carried out.
//!
//! It knows the shape of control sequences (ECMA-48, xterm's `ctlseqs`) and lets pass those that only draw.

/// Longest control sequence that is looked at as a whole, in bytes: a picture may be long.
const MAX_SEQUENCE: usize = 8 * 1024 * 1024;

/// Private modes that make a terminal send what nobody typed, or keys in another way: mouse, focus, paste, resize and colour
/// reports, keypad and cursor keys.
const TALKATIVE: [u32; 17] =
    [1, 9, 66, 1000, 1001, 1002, 1003, 1004, 1005, 1006, 1007, 1015, 1016, 2004, 2031, 2048, 9001];

/// Operating system commands that only draw: titles, links, marks of shell integration.
const HARMLESS: [&str; 5] = ["0", "1", "2", "8", "133"];

/// What passes of a stream of text, however it is cut.
#[derive(Debug, Default)]
pub(super) struct Filter {
    state: State,
    /// The sequence so far.
    held: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Ground,
    /// After ESC.
    Escape,
    /// After CSI.
    Control,
    /// In a string that ends with ST or, as xterm has it, BEL.
    Text,
    /// After ESC in such a string.
    TextEscape,
}

impl Filter {
    /// What passes of this piece; what is not complete is held back.
    pub(super) fn pass(&mut self, text: &str) -> String {
        let mut passed = String::with_capacity(text.len());
        for character in text.chars() {
            self.take(character, &mut passed);
        }
        passed
    }

    fn take(&mut self, character: char, passed: &mut String) {
        // The 8-bit forms stand for ESC and a letter.
        if let code @ '\u{80}'..='\u{9f}' = character {
            let letter = u8::try_from(u32::from(code) - 0x40).map_or('?', char::from);
            self.take('\x1b', passed);
            return self.take(letter, passed);
        }
        if self.held.len() > MAX_SEQUENCE {
            self.begin(State::Ground);
        }
        match (self.state, character) {
            // Cancel, in any state but a string's.
            (_, '\x18' | '\x1a') => self.begin(State::Ground),
            (State::Text, '\x1b') => self.state = State::TextEscape,
            (State::TextEscape, '\\') | (State::Text, '\x07') => self.end(passed, string_passes),
            (State::TextEscape, _) => {
                // Whatever else ESC begins ends the string.
                self.begin(State::Escape);
                self.take(character, passed);
            }
            (State::Text, _) => self.held.push(character),
            (_, '\x1b') => self.begin(State::Escape),
            // Answered with the terminal's name.
            (_, '\x05') => {}
            (State::Ground, _) => passed.push(character),
            // Control characters within a sequence are carried out at once.
            (_, '\0'..='\x1f') => passed.push(character),
            (State::Escape, _) => self.escape(character, passed),
            (State::Control, '\x40'..='\x7e') => {
                self.held.push(character);
                self.end_control(passed);
            }
            (State::Control, _) => self.held.push(character),
        }
    }

    fn begin(&mut self, state: State) {
        self.state = state;
        self.held.clear();
    }

    fn escape(&mut self, character: char, passed: &mut String) {
        match character {
            '[' => self.begin(State::Control),
            ']' | 'P' | '_' | '^' | 'X' => {
                self.begin(State::Text);
                self.held.push(character);
            }
            // Intermediate bytes, of character sets for one.
            ' '..='/' => self.held.push(character),
            // DECID, answered; keypad modes; ST without a string.
            'Z' | '=' | '>' | '\\' if self.held.is_empty() => self.begin(State::Ground),
            _ => {
                passed.push('\x1b');
                passed.push_str(&self.held);
                passed.push(character);
                self.begin(State::Ground);
            }
        }
    }

    fn end(&mut self, passed: &mut String, passes: fn(&str) -> bool) {
        if passes(&self.held) {
            passed.push('\x1b');
            passed.push_str(&self.held);
            passed.push_str("\x1b\\");
        }
        self.begin(State::Ground);
    }

    fn end_control(&mut self, passed: &mut String) {
        if let Some(sequence) = drawing(&self.held) {
            passed.push_str("\x1b[");
            passed.push_str(&sequence);
        }
        self.begin(State::Ground);
    }
}

/// What is left of a control sequence, which ends with its final byte; none when nothing is.
fn drawing(sequence: &str) -> Option<String> {
    let (body, last) = sequence.split_at(sequence.len() - 1);
    let prefix = body.chars().next().filter(|first| matches!(first, '<'..='?'));
    let middle = body.chars().rfind(|last| matches!(last, ' '..='/'));
    let only = |passes: bool| passes.then(|| sequence.to_owned());
    match (prefix, middle, last) {
        (Some('?'), None, "h" | "l") => {
            let modes = body[1..]
                .split(';')
                .filter(|mode| mode.parse().map_or(mode.is_empty(), |mode: u32| !TALKATIVE.contains(&mode)));
            let modes: Vec<_> = modes.collect();
            (!modes.is_empty()).then(|| format!("?{}{last}", modes.join(";")))
        }
        // Erasing what is not protected.
        (Some('?'), None, "J" | "K") => only(true),
        (Some(_), ..) => None,
        // Device attributes, status reports, terminal parameters, printing, keyboard.
        (None, None, "c" | "n" | "x" | "i") => None,
        // Windows: reports and moves, but for the stack of titles.
        (None, None, "t") => only(body.starts_with("22") || body.starts_with("23")),
        (None, None, _) => only(true),
        // The cursor's shape, soft reset, columns shifted and inserted; rectangles are drawn by few, and some report.
        (None, Some(' '), "q" | "@" | "A") | (None, Some('!'), "p") | (None, Some('\''), "}" | "~") => {
            only(true)
        }
        (None, Some(_), _) => None,
    }
}

fn string_passes(held: &str) -> bool {
    match held.split_at(1) {
        ("]", command) => {
            let number = command.split(';').next().unwrap_or_default();
            HARMLESS.contains(&number)
        }
        // A sixel picture: numbers, then `q`.
        ("P", picture) => {
            picture.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('q')
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn passed(text: &str) -> String {
        Filter::default().pass(text)
    }

    #[test]
    fn what_only_draws_passes_as_it_is() {
        for text in [
            "plain ünïcode 🐚\r\n\x07\t\x08",
            "\x1b[1;31mred\x1b[0m\x1b[38:2::1:2:3m\x1b[K\x1b[2J\x1b[3;4H\x1b[?25l\x1b[?1049h\x1b[?2026h",
            "\x1b7\x1b8\x1bM\x1bD\x1b(0lqk\x1b(B\x1b#8\x1bc",
            "\x1b[4 q\x1b[!p\x1b[22;0t\x1b[s\x1b[u\x1b[5;10r",
            "\x1b]0;title\x1b\\\x1b]8;;http://a/\x1b\\link\x1b]8;;\x1b\\\x1b]133;A\x1b\\",
            "\x1bP0;1;0q#0;2;0;0;0~~@@\x1b\\",
        ] {
            assert_eq!(passed(text), text);
        }
        assert_eq!(passed("\x1b]2;t\x07"), "\x1b]2;t\x1b\\", "xterm's own end of a string");
    }

    #[test]
    fn whatever_a_terminal_would_answer_is_taken_out() {
        for query in [
            "\x05",
            "\x1bZ",
            "\x1b[c",
            "\x1b[0c",
            "\x1b[>c",
            "\x1b[=c",
            "\x1b[5n",
            "\x1b[6n",
            "\x1b[?6n",
            "\x1b[?996n",
            "\x1b[?1$p",
            "\x1b[4$p",
            "\x1b[>q",
            "\x1b[>0q",
            "\x1b[x",
            "\x1b[14t",
            "\x1b[18t",
            "\x1b[21t",
            "\x1b[?u",
            "\x1b[>1u",
            "\x1b[<u",
            "\x1b[=1;1u",
            "\x1b[1;1;1;1;1;1*y",
            "\x1b[1$w",
            "\x1b[?4m",
            "\x1b[>4;2m",
            "\x1b[?1;1;0S",
            "\x1b[5i",
            "\x1b[1$u",
            "\x1b[\"v",
            "\x1bP$qm\x1b\\",
            "\x1bP+q544e\x1b\\",
            "\x1b_Gi=1,a=q;AAAA\x1b\\",
            "\x1b]10;?\x07",
            "\x1b]11;?\x1b\\",
            "\x1b]4;1;?\x07",
            "\x1b]52;c;aGk=\x07",
            "\x1b]52;c;?\x1b\\",
            "\x1b]1337;Copy=:aGk=\x07",
            "\x1b]9;note\x07",
            "\x1b]777;notify;a;b\x07",
            "\x1b^x\x1b\\",
            "\x1bXx\x1b\\",
            "\x1b[?1000h",
            "\x1b[?1004;2004h",
            "\x1b[?1h",
            "\x1b=",
            "\u{9b}6n",
            "\u{9d}52;c;aGk=\u{9c}",
            "\u{90}$qm\u{9c}",
        ] {
            assert_eq!(passed(&format!("a{query}b")), "ab", "{query:?}");
        }
        assert_eq!(passed("\x1b[?25;1000;7h"), "\x1b[?25;7h");
        // Hidden in each other.
        assert_eq!(passed("\x1b]52;c;x\x1b[6nb"), "b");
        assert_eq!(passed("\x1b[6\x1b[6n\x05n"), "n");
    }

    proptest! {
        #[test]
        fn it_does_not_matter_how_the_text_is_cut(
            text in "[\\x1b\\x05\\x07\\x18a\\[\\]\\\\P_c6n;?>$tq\u{9b}\u{9d}5h2]{0,60}",
            at in any::<prop::sample::Index>(),
        ) {
            let cuts: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            let (first, second) = text.split_at(cuts[at.index(cuts.len())]);
            let mut filter = Filter::default();
            let pieces = filter.pass(first) + &filter.pass(second);
            prop_assert_eq!(&pieces, &passed(&text));
            prop_assert_eq!(passed(&pieces), pieces.clone(), "nothing is left to take out");
        }
    }
}

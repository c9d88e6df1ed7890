//! Finding a command by some of its letters.

/// Whether a word goes on with this letter. Beyond ASCII every letter is one: the tables that know better are of 10 KiB.
#[must_use]
pub fn is_of_word(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || !letter.is_ascii()
}

/// How well these letters name this: the less the better; none when they do not stand in it in this order. Blanks do not count, nor
/// does the case of ASCII.
#[must_use]
pub fn distance(typed: &str, words: &str) -> Option<usize> {
    let mut distance = 0;
    let mut last = None;
    let mut here = words.chars().enumerate();
    let mut before = ' ';
    for wanted in typed.chars().filter(|letter| *letter != ' ') {
        loop {
            let (at, letter) = here.next()?;
            let begins = !is_of_word(before);
            before = letter;
            if letter.eq_ignore_ascii_case(&wanted) {
                // A letter that begins a word or follows the one before costs nothing; to begin late costs a little.
                let follows = last.is_some_and(|last| last + 1 == at);
                distance += match last {
                    None if begins => at.min(30),
                    _ if begins || follows => 0,
                    _ => 40 + at.min(30),
                };
                last = Some(at);
                break;
            }
        }
    }
    Some(distance)
}

/// The indices of what the letters name, best first, in the order given among equals.
#[must_use]
pub fn ranked<'a>(typed: &str, all: impl Iterator<Item = &'a str>) -> Vec<usize> {
    let mut found: Vec<(usize, usize)> = Vec::new();
    for (index, words) in all.enumerate() {
        if let Some(distance) = distance(typed, words) {
            let at = found.iter().position(|(other, _)| *other > distance).unwrap_or(found.len());
            found.insert(at, (distance, index));
        }
    }
    found.into_iter().map(|(_, index)| index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORDS: [&str; 4] = [
        "Split: a new terminal on the right",
        "New terminal in this container",
        "Share the terminal",
        "Next terminal",
    ];

    fn best(typed: &str) -> Option<&'static str> {
        ranked(typed, WORDS.into_iter()).first().map(|index| WORDS[*index])
    }

    #[test]
    fn first_letters_of_words_name_a_command() {
        assert_eq!(best("nt"), Some(WORDS[1]));
        assert_eq!(best("ntc"), Some(WORDS[1]));
        assert_eq!(best("sh"), Some(WORDS[2]));
        assert_eq!(best("split right"), Some(WORDS[0]));
        assert_eq!(best("next"), Some(WORDS[3]));
    }

    #[test]
    fn what_does_not_stand_there_is_not_found_and_nothing_typed_finds_all() {
        assert_eq!(best("zebra"), None);
        assert_eq!(ranked("", WORDS.into_iter()), [0, 1, 2, 3]);
    }
}

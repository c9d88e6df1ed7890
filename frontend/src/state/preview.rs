//! What a file's first bytes are shown as. Never as a page: markup is text like any other.

/// Bytes of a text or binary file that are fetched.
pub const MOST_BYTES: usize = 64 * 1024;
/// Largest picture that is fetched whole, in bytes.
pub const MOST_PICTURE_BYTES: u64 = 8 * 1024 * 1024;
/// Lines of hexadecimal digits that are shown, of sixteen bytes each: more help nobody.
const MOST_ROWS: usize = 256;
/// Bytes of one line of hexadecimal digits.
const ROW_BYTES: usize = 16;

/// How a file is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Preview {
    /// There is nothing in it.
    Empty,
    /// As numbered lines.
    Text(Vec<String>),
    /// As offset, hexadecimal digits and printable characters.
    Hex(Vec<HexRow>),
    /// As a picture of this type, by the browser's own decoder.
    Picture(&'static str),
}

/// A line of hexadecimal digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HexRow {
    /// Where in the file, in hexadecimal digits.
    pub offset: String,
    /// The bytes.
    pub digits: String,
    /// The same as characters; what cannot be printed is a dot.
    pub characters: String,
}

/// How a file that begins like this is shown. `bytes` may end in the middle of a character.
#[must_use]
pub fn of(bytes: &[u8]) -> Preview {
    if bytes.is_empty() {
        return Preview::Empty;
    }
    if let Some(mime) = picture(bytes) {
        return Preview::Picture(mime);
    }
    match text(bytes) {
        Some(text) => Preview::Text(text.lines().map(str::to_owned).collect()),
        None => Preview::Hex(bytes.chunks(ROW_BYTES).take(MOST_ROWS).enumerate().map(row).collect()),
    }
}

/// The type of a picture that every browser decodes and that cannot hold a program.
fn picture(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Some("image/gif"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

fn text(bytes: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        // A character that was cut in two at the end of what was fetched.
        Err(error) if error.error_len().is_none() && error.valid_up_to() > 0 => {
            std::str::from_utf8(&bytes[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_plain = |c: char| !c.is_control() || matches!(c, '\n' | '\r' | '\t' | '\x0c' | '\x1b');
    text.chars().all(is_plain).then_some(text)
}

fn row((index, bytes): (usize, &[u8])) -> HexRow {
    let half = |part: &[u8]| part.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ");
    let (left, right) = bytes.split_at(bytes.len().min(ROW_BYTES / 2));
    HexRow {
        offset: format!("{:08x}", index * ROW_BYTES),
        digits: format!("{}  {}", half(left), half(right)),
        characters: bytes
            .iter()
            .map(|&b| if matches!(b, b' '..=b'~') { char::from(b) } else { '.' })
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_lines_even_when_the_last_character_was_cut() {
        let whole = "eins\nzwölf\n".as_bytes();
        assert_eq!(of(whole), Preview::Text(vec!["eins".into(), "zwölf".into()]));
        assert_eq!(of(&whole[..8]), Preview::Text(vec!["eins".into(), "zw".into()]));
    }

    #[test]
    fn markup_is_text() {
        assert_eq!(of(b"<svg onload=alert(1)>"), Preview::Text(vec!["<svg onload=alert(1)>".into()]));
    }

    #[test]
    fn a_program_is_hexadecimal() {
        let Preview::Hex(rows) = of(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03") else {
            panic!("not hexadecimal")
        };
        assert_eq!(rows[0].digits, "7f 45 4c 46 02 01 01 00  00 00 00 00 00 00 00 00");
        assert_eq!((rows[0].characters.as_str(), rows[1].offset.as_str()), (".ELF............", "00000010"));
    }

    #[test]
    fn a_picture_is_known_by_its_first_bytes_and_not_by_its_name() {
        assert_eq!(of(b"\x89PNG\r\n\x1a\n...."), Preview::Picture("image/png"));
        assert!(matches!(of(b"\x89PNG, says the text"), Preview::Hex(_)));
    }
}

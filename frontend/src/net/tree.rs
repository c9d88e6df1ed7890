//! JSON as a tree. `serde_json` reads it as well, by three times the code: it says where and why a text is wrong, and reads every
//! fraction to its last digit. Nobody asks the page for either.

/// How deep objects and lists may lie in each other.
const DEEPEST: u8 = 64;

/// Any JSON. Objects keep the order of their keys.
#[derive(Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    /// A number that no type of ours holds.
    Fraction,
    Text(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

/// Reads a text; none when it is not JSON.
pub(super) fn read(text: &str) -> Option<Json> {
    let mut reader = Reader { text, at: 0, depth: 0 };
    let value = reader.value()?;
    reader.blanks();
    (reader.at == text.len()).then_some(value)
}

struct Reader<'a> {
    text: &'a str,
    /// Always between two characters: it moves over ASCII, and over whole strings.
    at: usize,
    depth: u8,
}

impl Reader<'_> {
    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn next(&mut self) -> u8 {
        let byte = self.peek();
        self.at += 1;
        byte
    }

    fn blanks(&mut self) {
        while matches!(self.peek(), b' ' | b'\n' | b'\r' | b'\t') {
            self.at += 1;
        }
    }

    /// The next byte that is no blank, if it is this one.
    fn takes(&mut self, byte: u8) -> bool {
        self.blanks();
        let is = self.peek() == byte;
        self.at += usize::from(is);
        is
    }

    fn value(&mut self) -> Option<Json> {
        self.blanks();
        match self.peek() {
            b'"' => self.string().map(Json::Text),
            open @ (b'{' | b'[') => self.within(open == b'{'),
            b'-' | b'0'..=b'9' => self.number(),
            _ => {
                let words = [("null", Json::Null), ("true", Json::Bool(true)), ("false", Json::Bool(false))];
                let rest = self.text.get(self.at..)?;
                let (word, value) = words.into_iter().find(|(word, _)| rest.starts_with(word))?;
                self.at += word.len();
                Some(value)
            }
        }
    }

    fn within(&mut self, is_object: bool) -> Option<Json> {
        self.at += 1;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let close = if is_object { b'}' } else { b']' };
        let (mut list, mut object) = (Vec::new(), Vec::new());
        if !self.takes(close) {
            loop {
                if is_object {
                    self.blanks();
                    let key = self.string()?;
                    if !self.takes(b':') {
                        return None;
                    }
                    object.push((key, self.value()?));
                } else {
                    list.push(self.value()?);
                }
                if self.takes(close) {
                    break;
                }
                if !self.takes(b',') {
                    return None;
                }
            }
        }
        self.depth -= 1;
        Some(if is_object { Json::Object(object) } else { Json::List(list) })
    }

    fn number(&mut self) -> Option<Json> {
        let from = self.at;
        while matches!(self.peek(), b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9') {
            self.at += 1;
        }
        let digits = &self.text[from..self.at];
        if let Ok(number) = digits.parse() {
            return Some(Json::Unsigned(number));
        }
        Some(digits.parse().map_or(Json::Fraction, Json::Signed))
    }

    fn string(&mut self) -> Option<String> {
        if self.next() != b'"' {
            return None;
        }
        let mut string = String::new();
        loop {
            let from = self.at;
            while !matches!(self.peek(), b'"' | b'\\' | 0..0x20) {
                self.at += 1;
            }
            string.push_str(self.text.get(from..self.at)?);
            match self.next() {
                b'"' => return Some(string),
                b'\\' => string.push(self.escaped()?),
                _ => return None,
            }
        }
    }

    fn escaped(&mut self) -> Option<char> {
        Some(match self.next() {
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let mut code = self.hex()?;
                // A character beyond the first 65,536 comes in two halves.
                if matches!(code, 0xD800..0xDC00) && self.next() == b'\\' && self.next() == b'u' {
                    code = 0x1_0000 + ((code - 0xD800) << 10) + self.hex()?.checked_sub(0xDC00)?;
                }
                return char::from_u32(code);
            }
            byte @ (b'"' | b'\\' | b'/') => byte.into(),
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.text.get(self.at..self.at + 4)?;
        self.at += 4;
        u32::from_str_radix(digits, 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn like(value: serde_json::Value) -> Json {
        use serde_json::Value;
        match value {
            Value::Null => Json::Null,
            Value::Bool(it) => Json::Bool(it),
            Value::Number(it) => match (it.as_u64(), it.as_i64()) {
                (Some(it), _) => Json::Unsigned(it),
                (None, Some(it)) => Json::Signed(it),
                (None, None) => Json::Fraction,
            },
            Value::String(it) => Json::Text(it),
            Value::Array(all) => Json::List(all.into_iter().map(like).collect()),
            Value::Object(all) => Json::Object(all.into_iter().map(|(key, it)| (key, like(it))).collect()),
        }
    }

    #[test]
    fn every_text_is_read_as_serde_json_reads_it() {
        let texts = [
            r#"{"a":1,"b":[true,false,null,-7,18446744073709551615,1.5,-2e9],"c":{"d":"","e":{}},"f":[]}"#,
            r#"["\"\\\/\b\f\n\r\t","A\u00e9\u6F22","\ud83d\ude80","caf\u00e9 漢字 🚀"]"#,
            " [ 1 , { \"k\" : \"v\" } ] \n",
            "\"plain\"",
            "0",
            "-1",
            include_str!("../../../shared/schema/gen-1.json"),
        ];
        for text in texts {
            assert_eq!(read(text), serde_json::from_str(text).ok().map(like), "{text}");
        }
    }

    #[test]
    fn what_is_not_json_is_none() {
        let deep = "[".repeat(1_000);
        for text in [
            "",
            " ",
            "{",
            "}",
            "[1",
            "[1,]",
            "{\"a\"}",
            "{\"a\":}",
            "{a:1}",
            "nul",
            "\"a",
            "\"\\x\"",
            "\"\\ud83d\"",
            "\"\\u00",
            "\"\\ud83d\\u0041\"",
            "\"a\nb\"",
            "1 2",
            "[] x",
            &deep,
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}

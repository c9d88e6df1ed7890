//! Paths in archives, taken apart into components before anything is done with them.

use porthole_protocol::limits::{MAX_PATH_BYTES, MAX_PATH_DEPTH};

/// Longest file name, in bytes (`NAME_MAX`).
const MAX_FILE_NAME_BYTES: usize = 255;

/// The components of a member's path, without empty ones and `.`; leading slashes are dropped, as tar does. Empty for the
/// root itself.
///
/// # Errors
/// A sentence, for `..`, NUL bytes and anything too long or too deep.
pub(crate) fn components(path: &[u8]) -> Result<Vec<&[u8]>, String> {
    let refuse = |why: &str| Err(format!("the path {} {why}", shown(path)));
    if path.len() > MAX_PATH_BYTES {
        return refuse("is too long");
    }
    if path.contains(&0) {
        return refuse("holds a NUL byte");
    }
    let parts: Vec<&[u8]> = path.split(|&b| b == b'/').filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&&b".."[..]) {
        return refuse("leads upwards");
    }
    if parts.len() > MAX_PATH_DEPTH {
        return refuse("is too deep");
    }
    if parts.iter().any(|part| part.len() > MAX_FILE_NAME_BYTES) {
        return refuse("has a component of more than 255 bytes");
    }
    Ok(parts)
}

/// A path for people: control characters escaped, the middle of a long one left out.
pub(crate) fn shown(path: &[u8]) -> String {
    const KEPT: usize = 60;
    let part = |bytes: &[u8]| bytes.escape_ascii().to_string();
    if path.len() <= 2 * KEPT {
        format!("\"{}\"", part(path))
    } else {
        format!("\"{}…{}\"", part(&path[..KEPT]), part(&path[path.len() - KEPT..]))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn harmless_oddities_are_taken() {
        assert_eq!(components(b"./a//b/./c/").unwrap(), [b"a", b"b", b"c"]);
        assert_eq!(components(b"/etc/passwd").unwrap(), [&b"etc"[..], b"passwd"]);
        assert_eq!(components(b"./").unwrap(), Vec::<&[u8]>::new());
        assert_eq!(components(b"..a/...").unwrap(), [&b"..a"[..], b"..."]);
    }

    #[test]
    fn paths_that_lead_out_or_never_end_are_refused() {
        let (long, name) = ("a/".repeat(2049), "n".repeat(256));
        let deep = "a/".repeat(129);
        for bad in ["..", "../a", "a/../b", "a/..", "/..", "a\0b", &long, &name, &deep] {
            assert!(components(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_is_shown_holds_no_control_characters() {
        assert_eq!(shown(b"a\x1b[2J\n"), r#""a\x1b[2J\n""#);
        assert!(shown(&[b'x'; 4096]).chars().count() < 130);
    }

    proptest! {
        #[test]
        fn components_never_lead_out(path in prop::collection::vec(prop::sample::select(&b"./ab\0"[..]), 0..40)) {
            for part in components(&path).unwrap_or_default() {
                prop_assert!(!matches!(part, b"" | b"." | b".."));
                prop_assert!(!part.contains(&b'/') && !part.contains(&0));
            }
        }
    }
}

//! `/proc/PID/mountinfo`, see `proc_pid_mountinfo(5)`.

use porthole_protocol::kernel::Mount;

/// Reads the lines that have all fields.
pub(super) fn parse(text: &str) -> Vec<Mount> {
    text.lines().filter_map(line).collect()
}

/// How many mounts there are.
pub(super) fn count(text: &str) -> u32 {
    u32::try_from(text.lines().filter(|line| !line.trim().is_empty()).count()).unwrap_or(u32::MAX)
}

/// `36 35 98:0 /root /target options optional… - type source super-options`
fn line(line: &str) -> Option<Mount> {
    let (mount, file_system) = line.split_once(" - ")?;
    let mut fields = mount.split(' ').skip(4);
    let (target, options) = (fields.next()?, fields.next()?);
    let fs_type = file_system.split(' ').next().filter(|kind| !kind.is_empty())?;
    Some(Mount { target: unescape(target), fs_type: fs_type.to_owned(), options: options.to_owned() })
}

/// Space, tab, newline and backslash are written as a backslash and three octal digits.
fn unescape(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part.get(..3).and_then(|digits| u8::from_str_radix(digits, 8).ok()).filter(u8::is_ascii);
        match code {
            Some(code) => {
                plain.push(char::from(code));
                plain.push_str(&part[3..]);
            }
            None => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::{count, parse};
    use porthole_protocol::kernel::Mount;
    use proptest::prelude::*;

    #[test]
    fn mounts_are_read() {
        let text = "602 500 0:51 / / rw,relatime shared:1 - overlay overlay rw,lowerdir=a\n\
            603 602 0:52 / /a\\040b\\134 ro,nosuid - proc proc rw\n\
            604 602 broken\n";
        let mount = |target: &str, fs_type: &str, options: &str| Mount {
            target: target.into(),
            fs_type: fs_type.into(),
            options: options.into(),
        };
        assert_eq!(parse(text), [mount("/", "overlay", "rw,relatime"), mount("/a b\\", "proc", "ro,nosuid")]);
        assert_eq!(count(text), 3);
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in "(?s).{0,200}", target in "[/a-z\\\\0-9é]{0,20}") {
            parse(&text);
            parse(&format!("1 1 0:1 / {target} rw - t s o"));
        }
    }
}

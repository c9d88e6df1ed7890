//! Reads what GNU tar writes, and never reads another archive than GNU tar does.

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

/// An archive of each of GNU tar's formats.
static ARCHIVES: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let at = dir.path();
    std::fs::create_dir(at.join("d")).unwrap();
    std::fs::write(at.join("d/file"), "some text").unwrap();
    std::fs::write(at.join("d").join("n".repeat(120)), "long").unwrap();
    std::os::unix::fs::symlink("file", at.join("d/link")).unwrap();
    std::fs::hard_link(at.join("d/file"), at.join("hard")).unwrap();
    let mut sparse = File::create(at.join("sparse")).unwrap();
    sparse.set_len(1_000_000).unwrap();
    sparse.write_all(b"begin").unwrap();
    let formats = ["--format=gnu", "--format=posix"];
    let both = formats
        .iter()
        .flat_map(|format| [tar(at, &[format, "-Sc", "."]), tar(at, &[format, "-c", "d", "hard"])]);
    let old =
        ["0.0", "0.1"].map(|version| tar(at, &["--sparse-version", version, "--format=posix", "-Sc", "."]));
    both.chain(old).collect()
});

fn tar(dir: &Path, arguments: &[&str]) -> Vec<u8> {
    let output = Command::new("tar").args(arguments).current_dir(dir).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Members as we read them: type letter, size and path, as `tar -tv` says.
fn ours(archive: &[u8]) -> Option<Vec<(char, u64, Vec<u8>)>> {
    let mut reader = Archive::new(archive);
    let mut members = Vec::new();
    while let Some(member) = reader.next().ok()? {
        // Refused by the unpacker, and by GNU tar here.
        u32::try_from(member.uid.max(member.gid)).ok()?;
        // Years of five digits are listed in other columns.
        (0..250_000_000_000).contains(&member.mtime.0).then_some(())?;
        let (letter, size) = match member.kind {
            Kind::File { size, .. } => ('-', size),
            Kind::Directory => ('d', 0),
            Kind::Symlink(_) => ('l', 0),
            Kind::HardLink(_) => ('h', 0),
            Kind::Fifo => ('p', 0),
            // GNU tar shows numbers of a device instead of a size.
            Kind::Device => return None,
        };
        members.push((letter, size, member.path));
    }
    Some(members)
}

/// Members as GNU tar lists them, when it has nothing to say against them.
fn gnu(archive: &[u8]) -> Result<Vec<(char, u64, Vec<u8>)>, String> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(archive).unwrap();
    let mut command = Command::new("tar");
    command.args(["--numeric-owner", "--absolute-names", "--quoting-style=escape", "-tvf"]).arg(file.path());
    let output = command.env("TZ", "UTC").env("LC_ALL", "C").output().unwrap();
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let line = |line: &[u8]| {
        let mut rest = line;
        let mut word = || {
            let start = rest.iter().position(|&b| b != b' ').unwrap_or(0);
            let end =
                rest[start..].iter().position(|&b| b == b' ').map_or(rest.len(), |length| start + length);
            let word = rest[start..end].to_vec();
            rest = &rest[end..];
            word
        };
        let letter = match word()[0] {
            b'C' => '-', // A contiguous file is a file.
            letter => char::from(letter),
        };
        word();
        let size = String::from_utf8(word()).unwrap().parse().unwrap_or(u64::MAX);
        word();
        word();
        let name = rest.get(1..).unwrap_or_default().to_vec();
        let end = |mark: &[u8]| name.windows(mark.len()).position(|part| part == mark);
        let name = match letter {
            'l' => &name[..end(b" -> ").unwrap_or(0)],
            'h' => &name[..end(b" link to ").unwrap_or(0)],
            _ => &name[..],
        };
        (letter, size, name.to_vec())
    };
    Ok(output.stdout.split(|&b| b == b'\n').filter(|text| !text.is_empty()).map(line).collect())
}

/// Names whose bytes `tar -t` shows as they are.
fn is_plain(members: &[(char, u64, Vec<u8>)]) -> bool {
    members.iter().all(|(_, _, path)| path.iter().all(|b| b.is_ascii_graphic() && *b != b'\\'))
}

#[test]
fn honest_archives_are_read_as_gnu_tar_lists_them() {
    for archive in ARCHIVES.iter() {
        let members = ours(archive).unwrap();
        assert!(members.len() >= 5);
        assert_eq!(members, gnu(archive).unwrap());
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// The checksum is made right again, so that what it protects is reached.
    #[test]
    fn what_is_read_of_a_changed_archive_is_what_gnu_tar_lists(
        which in 0_usize..6,
        changes in prop::collection::vec((0_usize..40, 0_usize..512, prop::sample::select(&b"\0 0157xgLKS9/.\xff\x80\n="[..])), 1..4),
    ) {
        let mut archive = ARCHIVES[which].clone();
        for (block, offset, byte) in changes {
            let blocks = archive.len() / BLOCK;
            let header = &mut archive[block % blocks * BLOCK..][..BLOCK];
            let is_header = header[257..].starts_with(b"ustar");
            header[offset] = byte;
            if is_header {
                let mut fixed = Header::new_old();
                fixed.as_mut_bytes().copy_from_slice(header);
                fixed.set_cksum();
                header.copy_from_slice(fixed.as_bytes());
            }
        }
        if let Some(members) = ours(&archive) && is_plain(&members) {
            prop_assert_eq!(Ok(members), gnu(&archive));
        }
    }

    #[test]
    fn noise_is_refused_without_harm(noise in prop::collection::vec(any::<u8>(), 0..2000)) {
        let _ = ours(&noise);
    }
}

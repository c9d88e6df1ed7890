//! See [`crate::fuzzing`].

use std::io::Read;

use reqwest::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};

use super::config::{ConfigFile, ImageConfig};
use super::manifest::{Index, Manifest, SavedImage, parse};
use super::registry::fuzzing::{challenge, content_range};
use super::stream::decompress;
use super::users::Users;
use super::{Reference, instruction};

/// Bytes that a compressed archive may hold here.
const ROOM: u64 = 1 << 20;

/// A document, read as each kind.
pub fn image_documents(bytes: &[u8]) {
    let _ = parse::<Manifest>(bytes, "it");
    let _ = parse::<Index>(bytes, "it")
        .map(|index| index.manifests.iter().filter(|one| one.name().is_some()).count());
    let _ = parse::<Vec<SavedImage>>(bytes, "it");
    if let Ok(config) = parse::<ConfigFile>(bytes, "it") {
        let directories = config.config.volume_directories().chain([config.config.workdir()]);
        for directory in directories {
            assert!(directory.starts_with('/'), "{directory:?}");
            assert!(!directory.split('/').any(|part| part == ".."), "{directory:?}");
        }
        assert_eq!(config.instructions().len(), config.rootfs.diff_ids.len());
        let _ = (config.created_ms(), config.foreign(), config.config.command(&[]));
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        let _ = instruction::apply(&lines, &mut ImageConfig::default());
    }
}

/// A compressed archive, read to its end.
pub fn compressed(bytes: &[u8]) {
    let Ok((_, mut plain)) = decompress(bytes, ROOM) else { return };
    let mut buffer = vec![0; 64 * 1024];
    let mut sum = 0;
    while let Ok(length @ 1..) = plain.read(&mut buffer) {
        sum += length as u64;
    }
    assert!(sum <= ROOM);
}

/// A reference: its canonical form is its own.
pub fn reference(text: &str) {
    let _ = Reference::parse_name(text);
    if let Ok(reference) = text.parse::<Reference>() {
        let canonical = reference.canonical();
        let again = canonical.parse::<Reference>().map(|again| again.canonical());
        assert_eq!(again.ok().as_deref(), Some(canonical.as_str()), "of {text:?}");
        assert!(!reference.path().split('/').any(|part| matches!(part, "" | "." | "..")), "{text:?}");
    }
}

/// A user of an image.
pub fn user(wanted: &str, passwd: &str, group: &str) {
    if let Ok(user) = Users::parse(passwd, group).find(wanted) {
        assert!(user.groups.iter().chain([&user.uid, &user.gid]).all(|id| *id < 65_536), "{user:?}");
        assert!(user.groups.len() <= 256);
    }
}

/// What a registry demands, and which part of a blob it sends.
pub fn registry_headers(bytes: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in bytes.split(|byte| *byte == b'\n').take(16) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            value.to_str().into_iter().for_each(content_range);
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    challenge(&headers);
}

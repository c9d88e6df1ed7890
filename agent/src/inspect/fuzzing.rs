//! See [`crate::fuzzing`].

use super::status::Status;
use super::{maps, mounts, ports};

/// A file of `/proc`, read as each kind.
pub fn proc_files(text: &str) {
    let map = maps::parse(text);
    for range in &map {
        let last = range.outside.wrapping_add(range.count);
        let _ = (maps::inside(&map, range.outside), maps::inside(&map, last));
    }
    assert!(mounts::parse(text).len() as u64 <= u64::from(mounts::count(text)));
    let _ = Status::parse(text).privileges();
    let (one, other) = text.split_at(text.floor_char_boundary(text.len() / 2));
    let tables = [one.to_owned(), other.to_owned()];
    assert!(ports::listening(&tables).len() <= ports::addresses(&tables).count());
}

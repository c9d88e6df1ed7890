use porthole_protocol::error::ErrorCode;

use super::*;

fn entry(name: &str, kind: FileKind, change: Option<ChangeKind>) -> FileEntry {
    FileEntry {
        name: name.into(),
        kind,
        bytes: 0,
        mode: 0o644,
        uid: 0,
        gid: 0,
        modified_ms: 0,
        target: None,
        layer: 0,
        change,
    }
}

fn tree(path: &str, entries: Vec<FileEntry>) -> FileTree {
    FileTree { path: path.into(), layers: Vec::new(), from: 0, entries, truncated: false }
}

fn told(files: &Files, request: u32, path: &str, entries: Vec<FileEntry>) -> Files {
    files.after(FilesAction::Answered(request, path.into(), Ok(tree(path, entries))))
}

/// `/bin` with `sh` in it, `/etc`, and `/hello`, which is new.
fn files() -> Files {
    use FileKind::{Directory, File};
    let root = vec![
        entry("bin", Directory, None),
        entry("etc", Directory, Some(ChangeKind::Changed)),
        entry("hello", File, Some(ChangeKind::Added)),
    ];
    let files = told(&Files::default(), 1, "/", root).after(FilesAction::Toggle("/bin".into()));
    told(&files, 2, "/bin", vec![entry("sh", File, None)])
}

fn shown(files: &Files) -> Vec<String> {
    files.rows().into_iter().map(|row| format!("{}{}", "  ".repeat(row.level - 1), row.path)).collect()
}

fn press(files: Files, keys: &[&str]) -> Files {
    keys.iter().fold(files, |files, key| files.after(FilesAction::Key((*key).into())))
}

fn focused(files: &Files) -> String {
    let rows = files.rows();
    files.entry_point(&rows).map_or_else(String::new, |row| row.path.clone())
}

#[test]
fn an_open_directory_shows_its_entries_below_it() {
    assert_eq!(shown(&files()), ["/bin", "  /bin/sh", "/etc", "/hello"]);
    assert_eq!(shown(&files().after(FilesAction::Toggle("/bin".into()))), ["/bin", "/etc", "/hello"]);
}

#[test]
fn what_did_not_change_can_be_left_out() {
    let files = files().after(FilesAction::OnlyChanges(true));
    assert_eq!(shown(&files), ["/etc", "/hello"]);
    assert_eq!(files.rows()[1].position, (2, 2));
}

#[test]
fn arrows_walk_open_close_and_climb() {
    assert_eq!(focused(&files()), "/bin", "the one that was opened last has the keyboard");
    let files = press(files(), &["ArrowRight"]);
    assert_eq!(focused(&files), "/bin/sh");
    let files = press(files, &["ArrowLeft"]);
    assert_eq!(focused(&files), "/bin");
    let files = press(files, &["ArrowLeft"]);
    assert_eq!(shown(&files), ["/bin", "/etc", "/hello"]);
    assert_eq!(focused(&press(files.clone(), &["End", "ArrowDown"])), "/hello");
    assert_eq!(focused(&press(files, &["Home", "ArrowUp"])), "/bin");
}

#[test]
fn enter_selects_a_file_and_opens_a_directory() {
    let files = press(files(), &["End", "Enter"]);
    assert_eq!(files.selection().map(|(path, _)| path), Some("/hello"));
    let files = press(files, &["ArrowUp", "Enter"]);
    assert!(files.wanted().contains(&"/etc".to_owned()));
    assert_eq!(files.selected.as_deref(), Some("/hello"));
}

#[test]
fn letters_are_not_the_trees() {
    assert_eq!(files().key("a"), None);
    assert_eq!(files().key("Tab"), None);
}

#[test]
fn a_listing_that_was_overtaken_is_dropped() {
    let files = told(&files(), 4, "/bin", vec![entry("new", FileKind::File, None)]);
    let files = told(&files, 3, "/bin", vec![entry("old", FileKind::File, None)]);
    assert_eq!(shown(&files)[1], "  /bin/new");
}

#[test]
fn listings_seen_from_another_layer_are_dropped_and_what_was_open_stays_wanted() {
    let files = files().after(FilesAction::Forget(5));
    assert_eq!(shown(&told(&files, 5, "/", vec![entry("late", FileKind::File, None)])), [""; 0]);
    assert_eq!(shown(&told(&files, 6, "/", vec![entry("now", FileKind::File, None)])), ["/now"]);
    assert!(files.wanted().contains(&"/bin".to_owned()));
}

#[test]
fn a_directory_that_cannot_be_listed_says_why() {
    let error = WireError::new(ErrorCode::NoSuchFile, "It is gone.", "");
    let files = files().after(FilesAction::Answered(9, "/bin".into(), Err(error)));
    assert_eq!(files.rows()[0].note.as_deref(), Some("It is gone."));
}

#[test]
fn a_selection_that_is_gone_is_none() {
    let files = files().after(FilesAction::Select("/hello".into()));
    assert!(files.selection().is_some());
    assert!(told(&files, 3, "/", Vec::new()).selection().is_none());
}

#[test]
fn paths_are_joined_and_cut_without_doubled_slashes() {
    assert_eq!((join("/", "a"), join("/a", "b")), ("/a".into(), "/a/b".into()));
    assert_eq!((parent("/a"), parent("/a/b"), parent("/")), ("/", "/a", "/"));
}

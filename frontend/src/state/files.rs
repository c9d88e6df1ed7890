//! A file tree, opened directory by directory, and the keyboard in it.

use std::rc::Rc;

use porthole_protocol::error::WireError;
use porthole_protocol::files::{ChangeKind, FileEntry, FileKind, FileTree};
use porthole_protocol::ids::ContainerId;
use yew::Reducible;

use super::few::Few;

/// The directory that is always open.
pub const ROOT: &str = "/";

/// What has a file tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An image, by name or id.
    Image(String),
    /// A container.
    Container(ContainerId),
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Directory {
    tree: Option<Rc<FileTree>>,
    error: Option<WireError>,
    answered: u32,
}

/// The tree as far as it is known, and what the visitor does with it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Files {
    directories: Few<String, Directory>,
    open: Vec<String>,
    focused: Option<String>,
    /// The entry whose content is shown.
    pub selected: Option<String>,
    /// Whether entries are left out that the layer looked from did nothing to.
    pub only_changes: bool,
    forgotten: u32,
}

/// What happens to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FilesAction {
    /// The tree is looked at from another layer, or is another one: answers to requests up to this number no longer count.
    Forget(u32),
    /// A directory was told, by the request with this number.
    Answered(u32, String, Result<FileTree, WireError>),
    /// Open this directory, or close it.
    Toggle(String),
    /// Move the keyboard to this entry.
    Focus(String),
    /// Show this entry's content.
    Select(String),
    /// A key was pressed in it. Told as such, because what it means depends on the keys before it, drawn or not.
    Key(String),
    /// Leave out what did not change, or leave it in.
    OnlyChanges(bool),
}

/// An entry as it is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// Its absolute path.
    pub path: String,
    /// How deep it is, from 1.
    pub level: usize,
    /// It.
    pub entry: FileEntry,
    /// For a directory, whether it is open.
    pub open: Option<bool>,
    /// What is to be said below it: why it cannot be listed, or that more is left out.
    pub note: Option<String>,
    /// Its place among its siblings, from 1, and how many they are.
    pub position: (usize, usize),
}

/// The path of an entry of a directory.
#[must_use]
pub fn join(directory: &str, name: &str) -> String {
    format!("{}/{name}", directory.trim_end_matches('/'))
}

/// The directory that holds this path.
#[must_use]
pub fn parent(path: &str) -> &str {
    match path.rfind('/') {
        None | Some(0) => ROOT,
        Some(at) => &path[..at],
    }
}

impl Files {
    /// The directories whose entries are shown.
    #[must_use]
    pub fn wanted(&self) -> Vec<String> {
        [ROOT.to_owned()].into_iter().chain(self.open.iter().cloned()).collect()
    }

    /// The root directory, once known.
    #[must_use]
    pub fn root(&self) -> Option<&Rc<FileTree>> {
        self.directories.get(ROOT)?.tree.as_ref()
    }

    /// Why the root directory cannot be listed, if it cannot.
    #[must_use]
    pub fn error(&self) -> Option<&WireError> {
        self.directories.get(ROOT)?.error.as_ref()
    }

    /// The selected entry, while it is there.
    #[must_use]
    pub fn selection(&self) -> Option<(&str, &FileEntry)> {
        let path = self.selected.as_deref()?;
        let tree = self.directories.get(parent(path))?.tree.as_ref()?;
        let entry = tree.entries.iter().find(|entry| join(parent(path), &entry.name) == path)?;
        Some((path, entry))
    }

    /// All entries shown, from top to bottom.
    #[must_use]
    pub fn rows(&self) -> Vec<Row> {
        let mut rows = Vec::new();
        self.collect(ROOT, 1, &mut rows);
        rows
    }

    fn collect(&self, directory: &str, level: usize, rows: &mut Vec<Row>) {
        let Some(tree) = self.directories.get(directory).and_then(|it| it.tree.as_ref()) else { return };
        let shown: Vec<_> =
            tree.entries.iter().filter(|entry| !self.only_changes || entry.change.is_some()).collect();
        for (index, entry) in shown.iter().enumerate() {
            let path = join(directory, &entry.name);
            let is_directory = entry.kind == FileKind::Directory && entry.change != Some(ChangeKind::Deleted);
            let open = is_directory.then(|| self.open.contains(&path));
            rows.push(Row {
                path: path.clone(),
                level,
                entry: (*entry).clone(),
                open,
                note: open.filter(|open| *open).and_then(|_| self.note(&path)),
                position: (index + 1, shown.len()),
            });
            if open == Some(true) {
                self.collect(&path, level + 1, rows);
            }
        }
    }

    fn note(&self, directory: &str) -> Option<String> {
        let known = self.directories.get(directory)?;
        let left_out = known.tree.as_ref().is_some_and(|tree| tree.truncated);
        match &known.error {
            Some(error) => Some(error.message.clone()),
            None => left_out.then(|| "There are more entries than are shown.".to_owned()),
        }
    }

    /// The entry that Tab leads to, among these.
    #[must_use]
    pub fn entry_point<'a>(&self, rows: &'a [Row]) -> Option<&'a Row> {
        let focused = self.focused.as_deref();
        rows.iter().find(|row| Some(row.path.as_str()) == focused).or_else(|| rows.first())
    }

    /// What a key asks for, as in the ARIA practices' tree view; none for a key that is not the tree's.
    #[must_use]
    pub fn key(&self, key: &str) -> Option<FilesAction> {
        let rows = self.rows();
        let here = self.entry_point(&rows)?;
        let at = rows.iter().position(|row| row.path == here.path)?;
        let focus = |row: &Row| FilesAction::Focus(row.path.clone());
        match (key, here.open) {
            ("ArrowDown", _) => rows.get(at + 1).map(focus),
            ("ArrowUp", _) => rows.get(at.checked_sub(1)?).map(focus),
            ("Home", _) => rows.first().map(focus),
            ("End", _) => rows.last().map(focus),
            ("ArrowRight", Some(false))
            | ("ArrowLeft" | "Enter" | " ", Some(true))
            | ("Enter" | " ", Some(false)) => Some(FilesAction::Toggle(here.path.clone())),
            ("ArrowRight", Some(true)) => rows.get(at + 1).filter(|next| next.level > here.level).map(focus),
            ("ArrowLeft", _) => rows.iter().find(|row| row.path == parent(&here.path)).map(focus),
            ("Enter" | " ", None) => Some(FilesAction::Select(here.path.clone())),
            _ => None,
        }
    }

    /// The tree after this.
    #[must_use]
    pub fn after(&self, action: FilesAction) -> Self {
        let mut next = self.clone();
        match action {
            FilesAction::Forget(forgotten) => {
                next.directories = Few::default();
                next.forgotten = forgotten;
            }
            FilesAction::Answered(request, path, answer) => next.answered(request, path, answer),
            FilesAction::Toggle(path) => {
                next.focused = Some(path.clone());
                match next.open.iter().position(|open| *open == path) {
                    Some(at) => drop(next.open.remove(at)),
                    None => next.open.push(path),
                }
            }
            FilesAction::Focus(path) => next.focused = Some(path),
            FilesAction::Select(path) => {
                next.focused = Some(path.clone());
                next.selected = Some(path);
            }
            FilesAction::Key(key) => return self.key(&key).map_or(next, |action| self.after(action)),
            FilesAction::OnlyChanges(only) => next.only_changes = only,
        }
        next
    }

    fn answered(&mut self, request: u32, path: String, answer: Result<FileTree, WireError>) {
        let mut directory = self.directories.get(&path).cloned().unwrap_or_default();
        if request <= self.forgotten.max(directory.answered) {
            return;
        }
        directory.answered = request;
        match answer {
            Ok(tree) => {
                directory.tree = Some(Rc::new(tree));
                directory.error = None;
            }
            Err(error) => directory.error = Some(error),
        }
        self.directories.insert(path, directory);
    }
}

impl Reducible for Files {
    type Action = FilesAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;

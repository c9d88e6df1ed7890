//! The rows of the kernel panel that compare host and container.

use porthole_protocol::kernel::{KernelView, Side};
use porthole_protocol::spec::Namespace;

use super::{commands, format, glossary};

/// One row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// What it is.
    pub label: String,
    /// One plain phrase on it; may be empty.
    pub note: String,
    /// The host's value.
    pub host: String,
    /// The container's value.
    pub container: String,
    /// The command that prints the container's value.
    pub command: String,
}

impl Row {
    /// Whether the container has a value of its own.
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.host != self.container
    }
}

fn row(
    label: &str,
    note: &str,
    view: &KernelView,
    value: impl Fn(&Side) -> String,
    command: impl Into<String>,
) -> Row {
    Row {
        label: label.into(),
        note: note.into(),
        host: value(&view.host),
        container: value(&view.container),
        command: command.into(),
    }
}

/// What `uname` says: the same kernel on both sides.
#[must_use]
pub fn kernel(view: &KernelView) -> Vec<Row> {
    let values: [fn(&Side) -> String; 4] =
        [|s| s.release.clone(), |s| s.version.clone(), |s| s.machine.clone(), |s| s.hostname.clone()];
    let rows = commands::UNAME.into_iter().zip(values);
    rows.map(|((label, command), value)| row(label, "", view, value, command)).collect()
}

/// Each namespace's id.
#[must_use]
pub fn namespace(view: &KernelView) -> Vec<Row> {
    let id = |kind: Namespace| {
        move |side: &Side| match side.namespaces.iter().find(|it| it.kind == kind).map(|it| it.id) {
            None | Some(0) => "unknown".to_string(),
            Some(id) => id.to_string(),
        }
    };
    let rows = Namespace::ALL.into_iter();
    rows.map(|kind| {
        row(kind.proc_name(), glossary::namespace(kind), view, id(kind), commands::namespace(kind))
    })
    .collect()
}

/// The maps of user and group ids.
#[must_use]
pub fn identity(view: &KernelView) -> Vec<Row> {
    vec![
        row("Users", "", view, |side| format::id_maps(&side.uid_map), commands::UID_MAP),
        row("Groups", "", view, |side| format::id_maps(&side.gid_map), commands::GID_MAP),
    ]
}

/// What keeps power from growing and system calls from reaching.
#[must_use]
pub fn confinement(view: &KernelView) -> Vec<Row> {
    let yes = |on: bool| if on { "yes" } else { "no" }.to_string();
    let filters = |side: &Side| match (glossary::seccomp(side.seccomp_mode), side.seccomp_filters) {
        (mode, 0) => mode.to_string(),
        (mode, 1) => format!("{mode}, 1 program"),
        (mode, count) => format!("{mode}, {count} programs"),
    };
    vec![
        row(
            "No new privileges",
            "set-user-ID programs gain nothing",
            view,
            |s| yes(s.no_new_privs),
            commands::NO_NEW_PRIVS,
        ),
        row("seccomp", "system calls are checked by a program", view, filters, commands::SECCOMP),
    ]
}

#[cfg(test)]
mod tests {
    use porthole_protocol::kernel::{IdMap, NamespaceId};

    use super::*;

    fn view() -> KernelView {
        let ids =
            |first: u64| (first..).zip(Namespace::ALL).map(|(id, kind)| NamespaceId { kind, id }).collect();
        let side = |first, hostname: &str| Side {
            release: "6.1.0".into(),
            hostname: hostname.into(),
            namespaces: ids(first),
            ..Side::default()
        };
        let mut view =
            KernelView { host: side(100, "vm"), container: side(200, "box"), ..KernelView::default() };
        view.container.seccomp_mode = 2;
        view.container.seccomp_filters = 1;
        view.container.uid_map = vec![IdMap { inside: 0, outside: 655_360, count: 65_536 }];
        view
    }

    #[test]
    fn the_kernel_is_shared_and_the_host_name_is_the_containers_own() {
        let own: Vec<_> =
            kernel(&view()).into_iter().map(|row| (row.command.clone(), row.is_own())).collect();
        assert_eq!(own[0], ("uname -r".into(), false));
        assert_eq!(own[3], ("uname -n".into(), true));
    }

    #[test]
    fn each_namespace_names_the_link_that_proves_it() {
        let mut view = view();
        view.container.namespaces[3].id = view.host.namespaces[3].id;
        let rows = namespace(&view);
        assert_eq!(rows[3].command, "readlink /proc/self/ns/net");
        assert_eq!(
            rows.iter().map(Row::is_own).collect::<Vec<_>>(),
            [true, true, true, false, true, true, true]
        );
    }

    #[test]
    fn a_namespace_that_cannot_be_read_is_unknown() {
        let mut view = view();
        view.host.namespaces[0].id = 0;
        view.container.namespaces.clear();
        assert_eq!(
            (namespace(&view)[0].host.as_str(), namespace(&view)[1].container.as_str()),
            ("unknown", "unknown")
        );
    }

    #[test]
    fn maps_and_filters_are_told_in_words() {
        assert_eq!(identity(&view())[0].container, "0…65535 → 655360…720895");
        let seccomp = &confinement(&view())[1];
        assert_eq!((seccomp.host.as_str(), seccomp.container.as_str()), ("off", "filter, 1 program"));
    }
}

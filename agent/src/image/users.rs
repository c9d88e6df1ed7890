//! Who a process may be: `USER[:GROUP]` looked up in the image's own `/etc/passwd` and `/etc/group`, which were written by
//! a stranger. Sources: `passwd(5)`, `group(5)`.

use super::error::ImageError;

/// Ids that exist in a container: its id range holds 65,536.
const IDS: u32 = 65_536;

/// Most supplementary groups of a process (`NGROUPS_MAX` is 65,536; no honest user is in this many).
const MAX_GROUPS: usize = 256;

/// Longest user or group name that is looked up, in bytes (`useradd(8)` stops at 32, LDAP names are longer).
const MAX_NAME_BYTES: usize = 256;

/// A user as a process needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// User id inside, below 65,536.
    pub uid: u32,
    /// Group id inside, below 65,536.
    pub gid: u32,
    /// Supplementary group ids inside.
    pub groups: Vec<u32>,
    /// Home directory; `/` when the image has no such user.
    pub home: String,
}

/// The facts of an image's user and group files. Lines that are malformed or name an id outside the range are left out.
#[derive(Clone, Debug, Default)]
pub(super) struct Users {
    users: Vec<PasswdLine>,
    groups: Vec<GroupLine>,
}

#[derive(Clone, Debug)]
struct PasswdLine {
    name: String,
    uid: u32,
    gid: u32,
    home: String,
}

#[derive(Clone, Debug)]
struct GroupLine {
    name: String,
    gid: u32,
    members: Vec<String>,
}

/// A user or group, before it is looked up.
enum Wanted<'a> {
    Id(u32),
    Name(&'a str),
}

impl Users {
    /// Reads the texts of both files; an image without them has no names.
    pub(super) fn parse(passwd: &str, group: &str) -> Self {
        Self {
            users: passwd.lines().filter_map(passwd_line).collect(),
            groups: group.lines().filter_map(group_line).collect(),
        }
    }

    /// Looks `USER[:GROUP]` up, each a name or a decimal number; empty text means root.
    pub(super) fn find(&self, text: &str) -> Result<User, ImageError> {
        let bad = |why| ImageError::BadUser(text.chars().take(MAX_NAME_BYTES).collect(), why);
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let wanted = Wanted::parse(user).map_err(bad)?;
        let known = self.users.iter().find(|line| match wanted {
            Wanted::Id(uid) => line.uid == uid,
            Wanted::Name(name) => line.name == name,
        });
        let uid = match (&wanted, known) {
            (Wanted::Id(uid), _) => *uid,
            (Wanted::Name(_), Some(line)) => line.uid,
            (Wanted::Name(_), None) => return Err(bad("there is no such user in its /etc/passwd")),
        };
        let (gid, groups) = match group {
            Some(group) => (self.group(group).map_err(bad)?, Vec::new()),
            None => (
                known.map_or(0, |line| line.gid),
                known.map_or_else(Vec::new, |line| self.groups_of(&line.name)),
            ),
        };
        Ok(User { uid, gid, groups, home: known.map_or_else(|| "/".to_owned(), |line| line.home.clone()) })
    }

    fn group(&self, text: &str) -> Result<u32, &'static str> {
        match Wanted::parse(text)? {
            Wanted::Id(gid) => Ok(gid),
            Wanted::Name(name) => {
                let line = self.groups.iter().find(|line| line.name == name);
                line.map(|line| line.gid).ok_or("there is no such group in its /etc/group")
            }
        }
    }

    fn groups_of(&self, user: &str) -> Vec<u32> {
        let lists_user = |line: &&GroupLine| line.members.iter().any(|member| member == user);
        self.groups.iter().filter(lists_user).map(|line| line.gid).take(MAX_GROUPS).collect()
    }
}

impl<'a> Wanted<'a> {
    /// A number is what consists of digits; everything else must be a plausible name, so that signs, spaces, other bases
    /// and overlong numbers are refused and never half understood (CVE-2026-30892).
    fn parse(text: &'a str) -> Result<Self, &'static str> {
        let first = text.bytes().next().ok_or("a part of it is empty")?;
        if first.is_ascii_digit() {
            return id(text).map(Wanted::Id).ok_or("an id is a decimal number from 0 to 65535");
        }
        let honest = |b: u8| {
            b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-' | b'$' | b'@') || !b.is_ascii()
        };
        if first == b'-' || text.len() > MAX_NAME_BYTES || !text.bytes().all(honest) {
            return Err("it holds a character that no name has");
        }
        Ok(Wanted::Name(text))
    }
}

/// A decimal number without sign or leading zero, within a container's ids.
fn id(text: &str) -> Option<u32> {
    let plain = text.bytes().all(|b| b.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|&id| plain && id < IDS)
}

/// `name:password:uid:gid:comment:home:shell`
fn passwd_line(line: &str) -> Option<PasswdLine> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, uid, gid, rest @ ..] = fields.as_slice() else { return None };
    let home = rest.get(1).copied().filter(|home| home.starts_with('/')).unwrap_or("/");
    Some(PasswdLine { name: (*name).to_owned(), uid: id(uid)?, gid: id(gid)?, home: home.to_owned() })
}

/// `name:password:gid:member,member`
fn group_line(line: &str) -> Option<GroupLine> {
    let fields: Vec<&str> = line.split(':').collect();
    let [name, _, gid, members] = fields.as_slice() else { return None };
    let members = members.split(',').filter(|member| !member.is_empty()).map(str::to_owned).collect();
    Some(GroupLine { name: (*name).to_owned(), gid: id(gid)?, members })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\n# comment\nweb:x:33:34:Web,,,:/srv:/bin/false\nfar:x:70000:1::/:\nshort:x:5:6\n";
    const GROUP: &str = "root:x:0:\nwww:x:34:\nlog:x:4:web,root\naudio:x:29:web\nbroken:x:-1:web\n";

    fn found(text: &str) -> (u32, u32, Vec<u32>, String) {
        let user = Users::parse(PASSWD, GROUP).find(text).unwrap();
        (user.uid, user.gid, user.groups, user.home)
    }

    #[test]
    fn users_are_found_by_name_and_number() {
        assert_eq!(found("root"), (0, 0, vec![4], "/root".into()));
        assert_eq!(found("web"), (33, 34, vec![4, 29], "/srv".into()));
        assert_eq!(found("33"), found("web"));
        assert_eq!(found("web:log"), (33, 4, vec![], "/srv".into()));
        assert_eq!(found("web:7"), (33, 7, vec![], "/srv".into()));
        assert_eq!(found("short"), (5, 6, vec![], "/".into()));
        assert_eq!(found("1234"), (1234, 0, vec![], "/".into()));
        assert_eq!(
            Users::default().find("0").unwrap(),
            User { uid: 0, gid: 0, groups: vec![], home: "/".into() }
        );
    }

    #[test]
    fn hostile_users_are_refused() {
        let users = Users::parse(PASSWD, GROUP);
        for bad in [
            "",
            ":",
            "-1",
            "+1",
            "4294967296",
            "4294967295",
            "65536",
            "1:",
            ":1",
            "0x0",
            " 1000",
            "1000 ",
            "00",
            "01",
            "1:2:3",
            "1:-1",
            "1:0x0",
            "nobody",
            "far",
            "web:broken",
            "root\n",
            "root\0",
            "../root",
            "1e3",
            "٣",
        ] {
            assert!(users.find(bad).is_err(), "{bad:?} became {:?}", users.find(bad));
        }
    }

    proptest! {
        #[test]
        fn whoever_is_found_is_within_the_range(passwd in "\\PC{0,200}", group in "\\PC{0,200}", text in "\\PC{0,20}") {
            if let Ok(user) = Users::parse(&passwd, &group).find(&text) {
                prop_assert!(user.uid < IDS && user.gid < IDS && user.groups.iter().all(|&gid| gid < IDS));
                prop_assert!(user.home.starts_with('/'));
            }
        }
    }
}

//! Which controllers this host has, where, and whether they can be used.

use std::collections::hash_map::DefaultHasher;
use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};

use super::freezer::Freezer;

/// Controllers of version 1 that are of use: what they limit, what they count, and which devices they let through.
const VERSION_1: [&str; 8] = ["memory", "pids", "cpu", "cpuacct", "devices", "hugetlb", "cpuset", "blkio"];

/// The same of version 2, which counts CPU time by itself and has no devices controller.
const VERSION_2: [&str; 6] = ["memory", "pids", "cpu", "cpuset", "io", "hugetlb"];

/// Below a delegated cgroup: where what is in it is moved, as only a group without processes hands controllers down.
const ASIDE: &str = "porthole-launcher";

/// A mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mount {
    /// Its controllers as `/proc/self/cgroup` names them; `unified` for version 2.
    pub(super) name: String,
    pub(super) version: u8,
    pub(super) point: PathBuf,
    /// Those of its controllers that are of use.
    controllers: Vec<String>,
}

/// Every hierarchy that has a controller of use.
pub(super) fn mounts() -> Vec<Mount> {
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    let mut mounts =
        parse(&table, |point| fs::read_to_string(point.join("cgroup.controllers")).unwrap_or_default());
    // Where there are no huge pages, nobody can take any.
    mounts.retain(|mount| mount.controllers != ["hugetlb"] || has_huge_pages());
    mounts
}

/// Whether this host has huge pages to give, see the kernel's `admin-guide/mm/hugetlbpage`.
fn has_huge_pages() -> bool {
    let sizes = fs::read_dir("/sys/kernel/mm/hugepages").into_iter().flatten().flatten();
    let number = |path: PathBuf| fs::read_to_string(path).map_or(0, |text| text.trim().parse().unwrap_or(1));
    sizes.map(|size| size.path()).any(|size| {
        let pages: u64 = number(size.join("nr_hugepages"));
        pages + number(size.join("nr_overcommit_hugepages")) > 0
    })
}

/// Reads a mount table, see `proc_pid_mountinfo(5)`; `unified` tells the controllers of version 2 below a mount point.
fn parse(table: &str, unified: impl Fn(&Path) -> String) -> Vec<Mount> {
    let mut mounts: Vec<Mount> = Vec::new();
    for line in table.lines() {
        let Some((own, file_system)) = line.split_once(" - ") else { continue };
        let Some(point) = own.split(' ').nth(4).map(PathBuf::from) else { continue };
        let fields: Vec<&str> = file_system.split(' ').collect();
        let (version, controllers): (u8, Vec<String>) = match fields[..] {
            ["cgroup", _, options] => (1, known(&VERSION_1, options.split(','))),
            ["cgroup2", ..] => (2, known(&VERSION_2, unified(&point).split_whitespace())),
            _ => continue,
        };
        let name = if version == 2 { "unified".to_owned() } else { controllers.join(",") };
        // A hierarchy may be mounted twice; the first place serves.
        if !controllers.is_empty() && !mounts.iter().any(|mount| mount.name == name) {
            mounts.push(Mount { name, version, point, controllers });
        }
    }
    mounts
}

/// The freezer of version 1, and where this process is in it; none where it is not mounted or cannot be written to.
pub(super) fn freezer(parent: &str) -> Option<Freezer> {
    let table = fs::read_to_string("/proc/self/mountinfo").ok()?;
    let mount = table.lines().find_map(|line| {
        let (own, file_system) = line.split_once(" - ")?;
        let mut fields = file_system.split(' ');
        let is_freezer =
            fields.next()? == "cgroup" && fields.nth(1)?.split(',').any(|option| option == "freezer");
        is_freezer.then(|| own.split(' ').nth(4).map(PathBuf::from))?
    })?;
    let groups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let own = groups.lines().find_map(|line| {
        let (controllers, path) = line.split_once(':')?.1.split_once(':')?;
        controllers.split(',').any(|name| name == "freezer").then_some(path)
    })?;
    let home = mount.join(own.trim_start_matches('/'));
    rustix::fs::access(&home, rustix::fs::Access::WRITE_OK).ok()?;
    Some(Freezer { directory: mount.join(parent.trim_start_matches('/')), home })
}

fn known<'a>(of_use: &[&str], found: impl Iterator<Item = &'a str>) -> Vec<String> {
    found.filter(|name| of_use.contains(name)).map(str::to_owned).collect()
}

/// The launcher's directory in each hierarchy. Root's is below the root of the hierarchy; an ordinary user's is below the
/// cgroup it is in, as far as that was delegated to it.
pub(super) fn parent(state: &Path, rootless: bool) -> String {
    let mut hasher = DefaultHasher::new();
    state.hash(&mut hasher);
    let own = format!("porthole/{:016x}", hasher.finish());
    if !rootless {
        return format!("/{own}");
    }
    let groups = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let mine = groups.lines().find_map(|line| line.strip_prefix("0::")).unwrap_or("/").to_owned();
    // Whoever was moved aside with an earlier launcher starts the next one from there.
    let mine = mine.trim_end_matches('/');
    format!("{}/{own}", mine.strip_suffix(ASIDE).map_or(mine, |upper| upper.trim_end_matches('/')))
}

/// Makes `directory` and hands it the controllers; those that containers in it can use come back, none where it cannot be
/// made.
pub(super) fn delegate(mount: &Mount, directory: &Path) -> Option<Vec<String>> {
    fs::create_dir_all(directory).ok()?;
    if mount.version == 1 {
        if mount.controllers.iter().any(|name| name == "cpuset") {
            open_cpuset(&mount.point, directory)?;
        }
        return Some(mount.controllers.clone());
    }
    // Version 2: every directory on the way hands its controllers down, see "Top-down Constraint" of the kernel's
    // admin-guide/cgroup-v2. A directory with processes of its own cannot, and they are moved aside before it is tried: some
    // controllers would be taken, and make of it a group of threads, below which there is no other controller any more.
    let mut way = vec![mount.point.clone()];
    for part in directory.strip_prefix(&mount.point).ok()?.components() {
        way.push(way.last()?.join(part));
    }
    let usable = |name: &String| {
        way.iter().all(|step| {
            let has = |file: &str| {
                fs::read_to_string(step.join(file))
                    .is_ok_and(|text| text.split_whitespace().any(|word| word == name))
            };
            has("cgroup.subtree_control")
                || (is_vacant(step)
                    && fs::write(step.join("cgroup.subtree_control"), format!("+{name}")).is_ok())
        })
    };
    let controllers: Vec<String> = mount.controllers.iter().filter(|name| usable(name)).cloned().collect();
    (!controllers.is_empty()).then_some(controllers)
}

/// Lets the groups from `point` down to `directory` have all CPUs and memory nodes that there are: in version 1 a new one has
/// none, and takes no process.
fn open_cpuset(point: &Path, directory: &Path) -> Option<()> {
    let mut step = point.to_owned();
    for part in directory.strip_prefix(point).ok()?.components() {
        let upper = step.clone();
        step.push(part);
        for (file, effective) in
            [("cpuset.cpus", "cpuset.effective_cpus"), ("cpuset.mems", "cpuset.effective_mems")]
        {
            fs::write(step.join(file), fs::read_to_string(upper.join(effective)).ok()?).ok()?;
        }
    }
    Some(())
}

/// Whether a group has no processes of its own, or is the root of all, which may; those that can be are moved into a child of it.
fn is_vacant(group: &Path) -> bool {
    // The root alone has no type.
    if !group.join("cgroup.type").exists() {
        return true;
    }
    let pids = || fs::read_to_string(group.join("cgroup.procs"));
    let Ok(found) = pids() else { return false };
    if found.is_empty() {
        return true;
    }
    let aside = group.join(ASIDE);
    let made = fs::create_dir(&aside);
    let moved = found.lines().filter(|pid| fs::write(aside.join("cgroup.procs"), pid).is_ok()).count();
    if moved == 0 && made.is_ok() {
        // Nothing was gained; leave nothing behind.
        let _ = fs::remove_dir(&aside);
    }
    pids().is_ok_and(|left| left.is_empty())
}

/// Where a controller is, in words; as an error, why it is not usable.
pub(crate) fn describe(controller: &str) -> Result<String, String> {
    let mounts = mounts();
    let found = mounts.iter().find(|mount| mount.controllers.iter().any(|name| name == controller));
    let Some(mount) = found else { return Err("not in any mounted hierarchy".into()) };
    let place = format!("version {} at {}", mount.version, mount.point.display());
    let directory = mount.point.join(format!("porthole-trial-{}", std::process::id()));
    let usable = delegate(mount, &directory).is_some_and(|names| names.iter().any(|name| name == controller));
    // An empty directory that was made for the trial.
    let _ = fs::remove_dir(&directory);
    if usable { Ok(place) } else { Err(format!("{place}, not delegated to this user")) }
}

/// Whether swap is counted by the memory controller.
pub(crate) fn accounts_swap() -> bool {
    mounts().iter().filter(|mount| mount.controllers.iter().any(|name| name == "memory")).any(|mount| {
        let file = if mount.version == 1 { "memory.memsw.limit_in_bytes" } else { "memory.swap.max" };
        // The root of version 2 has no limits; any directory below it tells.
        mount.point.join(file).exists()
            || fs::read_dir(&mount.point)
                .into_iter()
                .flatten()
                .flatten()
                .any(|entry| entry.path().join(file).exists())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
37 31 0:34 / /sys/fs/cgroup/freezer rw,relatime - cgroup cgroup rw,freezer
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";

    fn names(table: &str, unified: &str) -> Vec<(u8, String, Vec<String>)> {
        let mounts = parse(table, |_| unified.to_owned());
        mounts.into_iter().map(|mount| (mount.version, mount.name, mount.controllers)).collect()
    }

    #[test]
    fn a_hybrid_host_is_taken_controller_by_controller() {
        let expected = [(1, "cpu", vec!["cpu"]), (1, "memory", vec!["memory"]), (2, "unified", vec!["pids"])];
        let expected: Vec<_> = expected
            .into_iter()
            .map(|(version, name, list)| {
                (version, name.to_owned(), list.into_iter().map(String::from).collect())
            })
            .collect();
        assert_eq!(names(HYBRID, "misc pids rdma"), expected);
    }

    #[test]
    fn a_version_2_without_a_controller_of_use_is_left_alone() {
        assert!(names(HYBRID, "misc rdma").iter().all(|(version, ..)| *version == 1));
    }

    #[test]
    fn controllers_that_are_mounted_together_are_one_hierarchy() {
        let table = "33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n";
        assert_eq!(names(table, "")[0].1, "cpu,cpuacct");
    }

    #[test]
    fn a_table_of_garbage_has_no_hierarchy() {
        for table in
            ["", "\n\n", " - ", "a - cgroup", "a b c d e - cgroup2 x y", "1 2 3 4 /x - cgroup cgroup"]
        {
            assert!(names(table, "").is_empty(), "{table:?}");
        }
    }
}

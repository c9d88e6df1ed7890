//! The kernel view: what the kernel says about a container, beside what it says about the host.
//!
//! The launcher reads, here is parsed: every parser takes any text and leaves out what it does not understand, because
//! names and command lines in it are a stranger's.

use porthole_launcher::wire::{KernelTexts, Resource, Usage};
use porthole_protocol::http::Stats;
use porthole_protocol::kernel::{CgroupValue, IdMap, KernelView, Layer, NamespaceId, Process, Side};
use porthole_protocol::spec::Namespace;

use crate::container::registry::Registry;
use crate::container::{Container, Result, now_ms};

pub(crate) mod capabilities;
pub(crate) mod fuzzing;
mod host;
mod maps;
mod mounts;
pub(crate) mod ports;
mod status;
pub(crate) mod watch;

use maps::{inside, outside};
use status::Status;

/// Everything the kernel panel shows of a container, taken now.
///
/// # Errors
/// [`ContainerError::NotRunning`](crate::container::ContainerError::NotRunning), and those of the engine.
pub(crate) async fn view(container: &Container, registry: &Registry) -> Result<KernelView> {
    let (texts, usage) = futures_util::future::try_join(container.kernel(), container.usage()).await?;
    let host = host::read().await;
    let maps = maps(container, &texts).await;
    let processes = processes(&texts, &maps[0]);
    let container_side = container_side(&texts, &host, maps);
    Ok(KernelView {
        container: container_side,
        cgroup: usage.iter().map(cgroup_value).collect(),
        cgroup_path: texts.cgroup_path.clone(),
        mounts: mounts::parse(&texts.mountinfo),
        layers: layers(container, registry),
        writable_bytes: texts.writable_bytes,
        processes,
        lacks: container.view().detail.lacks.clone(),
        listening: ports::listening(&texts.tcp),
        host,
    })
}

/// The processes of a container, by their ids inside.
///
/// # Errors
/// As [`view`].
pub(crate) async fn top(container: &Container) -> Result<Vec<Process>> {
    let texts = container.kernel().await?;
    let [uid_map, _] = maps(container, &texts).await;
    Ok(processes(&texts, &uid_map))
}

/// The maps of users and groups of a container as they are on the host; as they are for the launcher where processes are hidden from
/// the agent (`hidepid`, `proc(5)`).
async fn maps(container: &Container, texts: &KernelTexts) -> [Vec<IdMap>; 2] {
    let maps = host::maps_of(container.view().detail.init_pid).await;
    match maps.iter().any(Vec::is_empty) {
        true => [&texts.uid_map, &texts.gid_map].map(|text| maps::parse(text)),
        false => maps,
    }
}

/// The use of a container's limits.
///
/// # Errors
/// As [`view`].
pub(crate) async fn stats(container: &Container) -> Result<Stats> {
    let usage = container.usage().await?;
    let summary = &container.view().detail.summary;
    let find = |wanted| usage.iter().find(|usage| usage.resource == wanted);
    let used = |wanted| find(wanted).map_or(0, |usage| usage.usage);
    let limit = |wanted| find(wanted).and_then(|usage| usage.limit);
    Ok(Stats {
        id: summary.id.clone(),
        name: summary.name.clone(),
        cpu_micros: used(Resource::Cpu),
        memory_bytes: used(Resource::Memory),
        memory_limit: limit(Resource::Memory),
        pids: used(Resource::Pids),
        pids_limit: limit(Resource::Pids),
        cpu_limit: limit(Resource::Cpu),
        disk_bytes: find(Resource::Disk).map(|disk| disk.usage),
        disk_limit: limit(Resource::Disk),
        io_bytes: find(Resource::Io).map(|io| io.usage),
        io_limit: limit(Resource::Io),
        taken_ms: now_ms(),
    })
}

fn container_side(texts: &KernelTexts, host: &Side, [uid_map, gid_map]: [Vec<IdMap>; 2]) -> Side {
    let status = Status::parse(&texts.status);
    // One kernel for all: the container's uname differs from the host's in its name only, unless it brings its own.
    let own = [&host.sysname, &host.release, &host.version, &host.machine];
    let mut told = texts.uname.lines();
    let [sysname, release, version, machine] = own.map(|host| told.next().unwrap_or(host).to_owned());
    Side {
        sysname,
        release,
        version,
        machine,
        hostname: texts.hostname.clone(),
        namespaces: namespaces(&texts.namespaces),
        uid_map,
        gid_map,
        mount_count: mounts::count(&texts.mountinfo),
        process_count: u32::try_from(texts.pids.len()).unwrap_or(u32::MAX),
        ..status.privileges()
    }
}

/// Namespaces in the order of [`Namespace::ALL`]; 0 where one could not be read.
fn namespaces(read: &[(String, u64)]) -> Vec<NamespaceId> {
    let id =
        |kind: Namespace| read.iter().find(|(name, _)| name == kind.proc_name()).map_or(0, |(_, id)| *id);
    Namespace::ALL.iter().map(|&kind| NamespaceId { kind, id: id(kind) }).collect()
}

fn cgroup_value(Usage { resource, version, usage, limit, hits }: &Usage) -> CgroupValue {
    let resource = match resource {
        Resource::Memory => "memory",
        Resource::Swap => "swap",
        Resource::Pids => "pids",
        Resource::Cpu => "cpu",
        Resource::Io => "io",
        Resource::Disk => "disk",
        Resource::Inodes => "inodes",
    };
    CgroupValue {
        resource: resource.to_owned(),
        version: *version,
        usage: *usage,
        limit: *limit,
        hits: *hits,
    }
}

fn layers(container: &Container, registry: &Registry) -> Vec<Layer> {
    let others: Vec<_> = registry.list().iter().map(Container::view).collect();
    let shared_by = |diff_id: &String| {
        let count =
            others.iter().filter(|view| view.is_running() && view.detail.layers.contains(diff_id)).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    };
    let known = container.image().map_or_else(Vec::new, |image| image.layers.clone());
    let layer = |diff_id: &String| {
        let facts = known.iter().find(|layer| layer.diff_id.to_string() == *diff_id);
        Layer {
            diff_id: diff_id.clone(),
            bytes: facts.map_or(0, |layer| layer.bytes),
            shared_by: shared_by(diff_id),
            created_by: facts.map(|layer| layer.created_by.clone()).unwrap_or_default(),
        }
    };
    container.view().detail.layers.iter().map(layer).collect()
}

/// `of_host` is the map of users as it is from here; the launcher tells users as they are from where it is.
fn processes(texts: &KernelTexts, of_host: &[IdMap]) -> Vec<Process> {
    let of_launcher = maps::parse(&texts.uid_map);
    let commands = texts.command_lines.iter().map(String::as_str).chain(std::iter::repeat(""));
    let mut processes: Vec<Process> = texts
        .statuses
        .iter()
        .zip(commands)
        .filter_map(|(text, command)| {
            let status = Status::parse(text);
            let container_uid = inside(&of_launcher, status.effective_uid?)?;
            Some(Process {
                host_pid: status.pid?,
                container_pid: status.innermost_pid?,
                host_uid: outside(of_host, container_uid)?,
                container_uid,
                state: status.state,
                rss_bytes: status.rss_bytes,
                name: status.name,
                command: command.to_owned(),
            })
        })
        .collect();
    processes.sort_by_key(|process| process.container_pid);
    processes
}

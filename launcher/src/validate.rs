//! Checks of every field of a request before anything is done: a compromised agent must not get further than a container.

use crate::capabilities;
use crate::wire::{Failure, FailureKind, LaunchRequest, Limits, Place, ProcessRequest, RequestBody, Stdio};

/// Layers of one image: as many as Docker's overlay driver takes.
pub(crate) const MAX_LAYERS: usize = 128;

/// Supplementary groups of a process.
pub(crate) const MAX_GROUPS: usize = 256;

/// Arguments, and variables of the environment.
const MAX_STRINGS: usize = 1024;

/// Bytes of all arguments and variables together; two of these fit in a message.
const MAX_STRING_BYTES: usize = 48 * 1024;

/// Bytes of a path: children hand it to the kernel without allocating.
const MAX_PATH_BYTES: usize = 255;

/// Most networks of one container.
const MAX_NETWORKS: usize = 4;

/// Directories to make.
const MAX_DIRECTORIES: usize = 64;

/// Bytes of the agent's label.
const MAX_LABEL_BYTES: usize = 64 * 1024;

/// Bytes of a job: a path of 4095 and what is done with it.
const MAX_JOB_BYTES: usize = 16 * 1024;

/// User and group ids inside a container.
const MAX_ID: u32 = 65_535;

/// Digits of a container's id and of a layer's name.
const CONTAINER_DIGITS: usize = 12;
const LAYER_DIGITS: usize = 64;

/// Refuses a request with a field outside its limits.
pub(crate) fn request(body: &RequestBody) -> Result<(), Failure> {
    match body {
        RequestBody::Launch(request) | RequestBody::Plan(request) => launch(request),
        RequestBody::Exec { container, process: request } => {
            container_id(container)?;
            process(request)
        }
        RequestBody::Signal { container, signal, .. } => {
            container_id(container)?;
            require((1..=64).contains(signal), "A signal's number is between 1 and 64.")
        }
        RequestBody::Kill { container }
        | RequestBody::Remove { container }
        | RequestBody::Inspect { container }
        | RequestBody::Usage { container }
        | RequestBody::Adopt { container, .. }
        | RequestBody::Release { container, .. }
        | RequestBody::CloseInput { container, .. } => container_id(container),
        RequestBody::Unpack { layer } | RequestBody::RemoveLayer { layer } => layer_name(layer),
        RequestBody::OpenFile { layers, path } => {
            layer_names(layers)?;
            absolute_path(path, 4095)
        }
        RequestBody::Work { place, pause, job } => {
            require(job.len() <= MAX_JOB_BYTES, "A job exceeds 16 KiB.")?;
            match place {
                Place::Layers(layers) => {
                    require(!pause, "A layer has no processes to freeze.")?;
                    layer_names(layers)
                }
                Place::Stack { container } | Place::Root { container } => container_id(container),
            }
        }
        RequestBody::List { after: Some(container) } => container_id(container),
        RequestBody::Update { container, limits: changed, label } => {
            require(label.len() <= MAX_LABEL_BYTES, "The label exceeds 64 KiB.")?;
            container_id(container)?;
            limits(changed)
        }
        RequestBody::Socket { container, .. } | RequestBody::Listening { container } => {
            container_id(container)
        }
        RequestBody::List { after: None }
        | RequestBody::Resolver
        | RequestBody::Host { .. }
        | RequestBody::Shutdown => Ok(()),
    }
}

fn launch(request: &LaunchRequest) -> Result<(), Failure> {
    container_id(&request.container)?;
    host_name(&request.hostname)?;
    layer_names(&request.layers)?;
    require(request.directories.len() <= MAX_DIRECTORIES, "There are more than 64 directories to make.")?;
    request.directories.iter().try_for_each(|path| absolute_path(path, MAX_PATH_BYTES))?;
    limits(&request.limits)?;
    networks(&request.networks)?;
    capabilities::allowed(request.capabilities)
        .map_err(|name| bad(format!("The capability {name} is not given to containers.")))?;
    require(request.label.len() <= MAX_LABEL_BYTES, "The label exceeds 64 KiB.")?;
    process(&request.process)
}

fn process(process: &ProcessRequest) -> Result<(), Failure> {
    require(process.argv.first().is_some_and(|command| !command.is_empty()), "The command is empty.")?;
    for strings in [&process.argv, &process.env] {
        let bytes: usize = strings.iter().map(|string| string.len() + 1).sum();
        require(strings.len() <= MAX_STRINGS, "There are more than 1024 arguments or variables.")?;
        require(bytes <= MAX_STRING_BYTES, "The arguments or the environment exceed 48 KiB.")?;
        require(
            strings.iter().all(|string| !string.contains('\0')),
            "An argument or a variable holds a null byte.",
        )?;
    }
    require(
        process.env.iter().all(|entry| entry.find('=').is_some_and(|at| at > 0)),
        "A variable of the environment is not NAME=value.",
    )?;
    absolute_path(&process.cwd, MAX_PATH_BYTES)?;
    require(process.groups.len() <= MAX_GROUPS, "There are more than 256 supplementary groups.")?;
    let ids = [process.uid, process.gid];
    require(ids.iter().chain(&process.groups).all(|id| *id <= MAX_ID), "A user or group id is above 65535.")?;
    match process.stdio {
        Stdio::Terminal { rows, cols } => {
            require(rows > 0 && cols > 0, "A terminal has at least one row and one column.")
        }
        Stdio::Pipes { .. } => Ok(()),
    }
}

fn limits(limits: &Limits) -> Result<(), Failure> {
    const MIB: u64 = 1024 * 1024;
    require(limits.memory_bytes >= 4 * MIB, "The memory limit is below 4 MiB.")?;
    require(limits.memory_bytes <= MIB * MIB, "The memory limit is above 1 TiB.")?;
    require((10..=1_024_000).contains(&limits.cpu_millis), "The CPU limit is not between 0.01 and 1024.")?;
    // Two are the init and the first process.
    require((2..=4_194_304).contains(&limits.pids), "The limit of processes is not between 2 and 4194304.")?;
    let cpuset = limits.cpuset.as_deref().unwrap_or("0");
    require(
        (1..=256).contains(&cpuset.len()) && cpuset.bytes().all(|b| b.is_ascii_digit() || b"-,".contains(&b)),
        "The CPUs are not a list such as 0-1,3.",
    )?;
    require(
        limits.io_bytes_per_second.is_none_or(|bytes| bytes >= MIB),
        "The I/O limit is below 1 MiB a second.",
    )?;
    require(
        (MIB..=16 * MIB * MIB).contains(&limits.disk_bytes),
        "The disk limit is not between 1 MiB and 16 TiB.",
    )?;
    require((64..=u64::from(u32::MAX)).contains(&limits.disk_inodes), "The limit of files is below 64.")?;
    require(
        (4096..=MIB * MIB).contains(&limits.shm_bytes),
        "The limit of /dev/shm is not between 4 KiB and 1 TiB.",
    )
}

fn networks(names: &[String]) -> Result<(), Failure> {
    let allowed = |c: u8| c.is_ascii_lowercase() || c.is_ascii_digit() || c == b'-';
    require(names.len() <= MAX_NETWORKS, "A container joins at most 4 networks.")?;
    let good = |name: &String| (1..=32).contains(&name.len()) && name.bytes().all(allowed);
    require(names.iter().all(good), "A network's name is 1 to 32 lower-case letters, digits and '-'.")?;
    // Who writes these means something else, and would get a lab.
    let other = names.iter().any(|name| matches!(name.as_str(), "none" | "host" | "lab"));
    require(!other, "'none', 'host' and 'lab' are no names of lab networks; no network is an empty list.")?;
    let distinct = names.iter().enumerate().all(|(n, name)| !names[..n].contains(name));
    require(distinct, "A network is named twice.")
}

fn host_name(name: &str) -> Result<(), Failure> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
    require(
        (1..=64).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with(['-', '.']),
        "A host name is 1 to 64 letters, digits, '-' and '.', and begins with a letter or digit.",
    )
}

fn absolute_path(path: &str, longest: usize) -> Result<(), Failure> {
    require(path.starts_with('/') && !path.contains('\0'), "A path inside a container begins with '/'.")?;
    require(path.len() <= longest, "A path inside a container is too long.")
}

fn layer_names(layers: &[String]) -> Result<(), Failure> {
    require((1..=MAX_LAYERS).contains(&layers.len()), "An image has 1 to 128 layers.")?;
    layers.iter().try_for_each(|layer| layer_name(layer))
}

fn layer_name(name: &str) -> Result<(), Failure> {
    require(hexadecimal(name, LAYER_DIGITS), "A layer's name is 64 hexadecimal digits.")
}

fn container_id(id: &str) -> Result<(), Failure> {
    require(hexadecimal(id, CONTAINER_DIGITS), "A container's id is 12 hexadecimal digits.")
}

fn hexadecimal(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn require(holds: bool, otherwise: &str) -> Result<(), Failure> {
    if holds { Ok(()) } else { Err(bad(otherwise.to_owned())) }
}

fn bad(message: String) -> Failure {
    Failure { kind: FailureKind::BadRequest, message }
}

#[cfg(test)]
mod tests;

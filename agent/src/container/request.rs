//! From what a person asks for to what the launcher is asked for: a pure function of the spec and its image.
//!
//! Everything from outside is checked here, once, against the limits both sides know.

use porthole_launcher::wire::{EngineKind, LaunchRequest, ProcessRequest, Stdio};
use porthole_protocol::ids::{ContainerId, check_name};
use porthole_protocol::limits::{MAX_PATH_BYTES, MAX_WORDS, MAX_WORDS_BYTES};
use porthole_protocol::spec::{Engine, LaunchSpec, Limits, ProcessSpec, Size};

use super::ContainerError;
use super::limits::for_launcher;
use crate::image::{Image, ImageConfig, User};
use crate::inspect::capabilities;

/// Most volumes of an image that get a directory; honest images have one or two.
const MAX_VOLUMES: usize = 32;

/// Longest path of such a directory, in bytes: what the launcher takes.
const MAX_DIRECTORY_BYTES: usize = 255;

/// Where commands are searched when the image does not say, as Docker.
const DEFAULT_PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Docker's fourteen default capabilities without those a stranger has no honest use for here: `MKNOD` and `AUDIT_WRITE`.
///
/// `NET_RAW` is there for programs that have it as a file capability, as Debian's `ping` has: the kernel does not execute such a
/// program at all where it could not be given.
const DEFAULT_CAPABILITIES: [&str; 12] = [
    "CHOWN",
    "DAC_OVERRIDE",
    "FSETID",
    "FOWNER",
    "SETGID",
    "SETUID",
    "SETFCAP",
    "SETPCAP",
    "NET_BIND_SERVICE",
    "NET_RAW",
    "SYS_CHROOT",
    "KILL",
];

/// What a container of `image` takes by this spec, whose limits have been settled.
///
/// # Errors
/// [`ContainerError::BadRequest`] for a value outside its limits, [`ContainerError::Image`] for an unknown user.
pub(super) fn launch(
    id: &ContainerId,
    spec: &LaunchSpec,
    limits: &Limits,
    image: &Image,
) -> Result<LaunchRequest, ContainerError> {
    let hostname = spec.hostname.clone().unwrap_or_else(|| id.to_string());
    check_hostname(&hostname)?;
    image.check_platform()?;
    if spec.engine == Engine::Runsc && !spec.publish.is_empty() {
        return Err(bad(
            "Ports of a gVisor container cannot be published: what listens there does so in a kernel of its own.",
        ));
    }
    let config = &image.config;
    let user = match (spec.process.user.as_deref(), config.user.as_str()) {
        (Some(user), _) => image.user(user)?,
        (None, "") => image.user("0")?,
        (None, user) => image.user(user)?,
    };
    let own = [DEFAULT_PATH.to_owned(), format!("HOSTNAME={hostname}"), format!("HOME={}", user.home)];
    let defaults = ProcessRequest {
        argv: config.command(&spec.process.command),
        env: environment(&own, &config.env),
        cwd: config.workdir(),
        uid: user.uid,
        gid: user.gid,
        groups: user.groups,
        stdio: Stdio::Pipes { stdin: false },
        tag: 0,
    };
    let process = process(&spec.process, defaults)?;
    Ok(LaunchRequest {
        container: id.to_string(),
        directories: directories(config, &process.cwd),
        process,
        hostname,
        layers: image.layer_names(),
        read_only: spec.read_only,
        limits: for_launcher(limits),
        capabilities: capability_mask(&spec.cap_add, &spec.cap_drop)?,
        networks: spec.networks.clone(),
        engine: engine(spec.engine)?,
        new_privileges: spec.new_privileges,
        label: Vec::new(),
    })
}

/// What a further process takes: what the container's first one took, but for what the spec names, and for `user`.
///
/// # Errors
/// As [`launch`].
pub(super) fn exec(
    spec: &ProcessSpec,
    first: &ProcessRequest,
    user: Option<User>,
) -> Result<ProcessRequest, ContainerError> {
    let mut defaults = ProcessRequest { argv: spec.command.clone(), ..first.clone() };
    if let Some(User { uid, gid, groups, home }) = user {
        let env = environment(&first.env, &[format!("HOME={home}")]);
        defaults = ProcessRequest { uid, gid, groups, env, ..defaults };
    }
    process(spec, defaults)
}

/// What has to be there before the first process runs: the image's volumes, and the working directory, which could not be made
/// later in a root that is read-only.
fn directories(config: &ImageConfig, cwd: &str) -> Vec<String> {
    let volumes =
        config.volume_directories().filter(|path| path.len() <= MAX_DIRECTORY_BYTES && !path.contains('\0'));
    let mut directories: Vec<String> = volumes.take(MAX_VOLUMES).chain([cwd.to_owned()]).collect();
    directories.retain(|path| path != "/");
    directories
}

/// The defaults with what the spec names in their place, checked.
fn process(spec: &ProcessSpec, defaults: ProcessRequest) -> Result<ProcessRequest, ContainerError> {
    let ProcessRequest { argv, env, cwd, uid, gid, groups, stdio: _, tag: _ } = defaults;
    if argv.first().is_none_or(String::is_empty) {
        return Err(bad("There is no command to run: name one, or use an image that does."));
    }
    if let Some(wrong) = spec.env.iter().find(|word| word.find('=').is_none_or(|at| at == 0)) {
        return Err(bad(format!("The environment entry '{}' is not NAME=value.", excerpt(wrong))));
    }
    let (env, stdio) = match spec.terminal {
        Some(Size { rows, cols }) => {
            let env = environment(&env, &["TERM=xterm-256color".to_owned()]);
            (env, Stdio::Terminal { rows, cols })
        }
        None => (env, Stdio::Pipes { stdin: spec.stdin }),
    };
    let env = environment(&env, &spec.env);
    let cwd = spec.workdir.clone().unwrap_or(cwd);
    if !cwd.starts_with('/') || cwd.len() > MAX_PATH_BYTES {
        return Err(bad(format!("The working directory '{}' is not an absolute path.", excerpt(&cwd))));
    }
    check_words(argv.iter().chain(&env).chain([&cwd]))?;
    Ok(ProcessRequest { argv, env, cwd, uid, gid, groups, stdio, tag: 0 })
}

/// `base` with `additions`; the later entry of a name wins and keeps the earlier one's place.
fn environment(base: &[String], additions: &[String]) -> Vec<String> {
    let mut env: Vec<String> = Vec::with_capacity(base.len() + additions.len());
    for word in base.iter().chain(additions) {
        let name = word.split('=').next().unwrap_or_default();
        match env.iter_mut().find(|known| known.split('=').next() == Some(name)) {
            Some(known) => known.clone_from(word),
            None => env.push(word.clone()),
        }
    }
    env
}

fn engine(engine: Engine) -> Result<EngineKind, ContainerError> {
    match engine {
        Engine::Builtin => Ok(EngineKind::Builtin),
        Engine::Runc => Ok(EngineKind::Runc),
        Engine::Crun => Ok(EngineKind::Crun),
        Engine::Runsc => Ok(EngineKind::Runsc),
        Engine::Unknown => Err(bad("There is no such engine: there are builtin, runc, crun and runsc.")),
    }
}

/// The default capabilities, without `drop`, with `add`; `ALL` in `drop` drops the defaults, and is refused in `add`.
fn capability_mask(add: &[String], drop: &[String]) -> Result<u64, ContainerError> {
    let mask = |names: &[String]| {
        names.iter().try_fold(0, |mask, name| match capabilities::mask(name) {
            Some(bit) => Ok(mask | bit),
            None => Err(bad(format!("'{}' is not a capability.", excerpt(name)))),
        })
    };
    let (all, dropped): (Vec<String>, Vec<String>) =
        drop.iter().cloned().partition(|name| name.eq_ignore_ascii_case("ALL"));
    let defaults = if all.is_empty() { mask(&DEFAULT_CAPABILITIES.map(String::from))? } else { 0 };
    Ok(defaults & !mask(&dropped)? | mask(add)?)
}

fn check_hostname(hostname: &str) -> Result<(), ContainerError> {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    if check_name(hostname).is_ok() && hostname.split('.').all(label) {
        return Ok(());
    }
    Err(bad(format!(
        "'{}' is not a host name: letters, digits, '-' and '.', at most 64 characters.",
        excerpt(hostname)
    )))
}

fn check_words<'a>(words: impl Iterator<Item = &'a String> + Clone) -> Result<(), ContainerError> {
    if words.clone().any(|word| word.contains('\0')) {
        return Err(bad("Arguments and environment hold no NUL byte."));
    }
    let bytes: usize = words.clone().map(|word| word.len() + 1).sum();
    if words.count() > MAX_WORDS || bytes > MAX_WORDS_BYTES {
        return Err(bad(format!(
            "Arguments and environment are at most {MAX_WORDS} words and {MAX_WORDS_BYTES} bytes."
        )));
    }
    Ok(())
}

fn bad(sentence: impl Into<String>) -> ContainerError {
    ContainerError::BadRequest(sentence.into())
}

/// The beginning of a text from outside, for an error message.
fn excerpt(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_default).collect()
}

#[cfg(test)]
mod tests;

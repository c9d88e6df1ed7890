//! What a visitor asks for beside an image: limits, networks, an engine.

use porthole_protocol::spec::{Engine, LaunchSpec, Limits, NAT};

use super::{format, units};

/// A field that takes text: its name, which is the option of the command line as well, its words, and an example of what it
/// takes.
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// Its words.
    pub words: &'static str,
    /// What it takes.
    pub takes: &'static str,
}

const fn field(name: &'static str, words: &'static str, takes: &'static str) -> Field {
    Field { name, words, takes }
}

/// The limits that can be changed while a container lives.
pub const LIVE: [Field; 4] = [
    field("memory", "Memory", "a size, such as 64m or 1.5g"),
    field("cpus", "CPUs", "a number, such as 0.5 or 2"),
    field("pids", "Processes", "a number, such as 64"),
    field("lifetime", "Lifetime", "a time, such as 90s or 1h30m, or 0 for no end"),
];
/// Those that are asked for less often, and can be changed as well.
pub const MORE: [Field; 3] = [
    field("idle", "Idle time", "a time without anybody, such as 20m, or 0 for no end"),
    field("cpuset-cpus", "On CPUs", "a list, such as 0-1,3"),
    field("io", "Disk traffic in a second", "a size, such as 20m"),
];
/// The limits that are fixed at the start.
pub const DISK: [Field; 2] = [
    field("disk", "Disk", "a size, such as 200m or 2g"),
    field("disk-files", "Files", "a number, such as 10000"),
];

/// What a field says.
pub type Text<'a> = &'a dyn Fn(&str) -> String;

fn read<T>(text: Text<'_>, field: &Field, parse: fn(&str) -> Option<T>) -> Result<Option<T>, String> {
    match text(field.name).as_str() {
        "" => Ok(None),
        typed => match parse(typed) {
            None => Err(format!("{} takes {}.", field.words, field.takes)),
            value => Ok(value),
        },
    }
}

/// The limits typed.
///
/// # Errors
/// The first field that is not understood, in a sentence.
pub fn limits(text: Text<'_>) -> Result<Limits, String> {
    let [memory, cpus, pids, lifetime] = &LIVE;
    let [idle, cpuset, io] = &MORE;
    let [disk, files] = &DISK;
    Ok(Limits {
        memory_bytes: read(text, memory, units::bytes)?,
        cpu_millis: read(text, cpus, units::cpus)?,
        pids: read(text, pids, units::count)?,
        lifetime_ms: read(text, lifetime, units::time)?,
        idle_ms: read(text, idle, units::time)?,
        cpuset: read(text, cpuset, units::list)?,
        io_bytes_per_second: read(text, io, units::bytes)?,
        disk_bytes: read(text, disk, units::bytes)?,
        disk_inodes: read(text, files, units::count)?.map(u64::from),
        ..Limits::default()
    })
}

/// The network chosen: none, `nat`, or the name typed for a lab.
fn network(text: Text<'_>) -> Option<String> {
    match text("network").as_str() {
        "lab" => Some(text("lab")).filter(|name| !name.is_empty()),
        NAT => Some(NAT.into()),
        _ => None,
    }
}

/// What is asked for.
///
/// # Errors
/// The first thing that is not understood, in a sentence.
pub fn spec(text: Text<'_>) -> Result<LaunchSpec, String> {
    let networks: Vec<_> = network(text).into_iter().collect();
    if text("network") == "lab" && networks.is_empty() {
        return Err("A lab network has a name: containers that name the same one see each other.".into());
    }
    let named = |engine: &Engine| engine.name() == text("engine");
    Ok(LaunchSpec {
        image: text("image"),
        limits: limits(text)?,
        networks,
        engine: Engine::ALL.into_iter().find(named).unwrap_or_default(),
        new_privileges: !text("sudo").is_empty(),
        ..LaunchSpec::default()
    })
}

/// The same, as the command line takes it.
#[must_use]
pub fn command(text: Text<'_>) -> String {
    let mut line = "porthole run -it".to_owned();
    let mut add = |option: &str, value: &str| {
        if !value.is_empty() {
            for part in [" --", option, " ", value] {
                line.push_str(part);
            }
        }
    };
    for field in LIVE.iter().chain(&MORE).chain(&DISK) {
        add(field.name, &text(field.name));
    }
    add("network", &network(text).unwrap_or_default());
    let engine = text("engine");
    add("engine", if engine == Engine::Builtin.name() { "" } else { &engine });
    if !text("sudo").is_empty() {
        line.push_str(" --new-privileges");
    }
    let image = text("image");
    line.push(' ');
    line.push_str(if image.is_empty() { "IMAGE" } else { &image });
    line
}

/// What a limit is when its field is left empty, as the field would take it.
#[must_use]
pub fn shown(name: &str, limits: &Limits) -> String {
    let size = |bytes: Option<u64>| bytes.map_or_else(String::new, format::bytes);
    match name {
        "memory" => size(limits.memory_bytes),
        "disk" => size(limits.disk_bytes),
        "io" => size(limits.io_bytes_per_second),
        "cpuset-cpus" => limits.cpuset.clone().unwrap_or_else(|| "all".into()),
        "disk-files" => limits.disk_inodes.map_or_else(String::new, |count| count.to_string()),
        "cpus" => limits.cpu_millis.map_or_else(String::new, |millis| format::cpus(millis.into())),
        "pids" => limits.pids.map_or_else(String::new, |count| count.to_string()),
        _ => match if name == "idle" { limits.idle_ms } else { limits.lifetime_ms } {
            None | Some(0) => "no end".into(),
            Some(ms) => format::span(ms),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(fields: &'static [(&str, &str)]) -> impl Fn(&str) -> String {
        move |name| fields.iter().find(|(known, _)| *known == name).map_or("", |(_, text)| *text).to_owned()
    }

    #[test]
    fn nothing_typed_asks_for_nothing() {
        let text = typed(&[("image", "busybox"), ("network", "none"), ("engine", "builtin")]);
        assert_eq!(spec(&text), Ok(LaunchSpec { image: "busybox".into(), ..LaunchSpec::default() }));
        assert_eq!(command(&text), "porthole run -it busybox");
    }

    #[test]
    fn everything_typed_is_asked_for_and_the_command_line_says_the_same() {
        let text = typed(&[
            ("image", "debian"),
            ("memory", "64m"),
            ("cpus", "0.5"),
            ("pids", "32"),
            ("lifetime", "30m"),
            ("idle", "20m"),
            ("cpuset-cpus", "0-1,3"),
            ("io", "20m"),
            ("disk", "2g"),
            ("disk-files", "10000"),
            ("network", "lab"),
            ("lab", "blue"),
            ("engine", "crun"),
            ("sudo", "on"),
        ]);
        let asked = spec(&text).expect("all of it is understood");
        assert_eq!((asked.limits.memory_bytes, asked.limits.cpu_millis), (Some(64 << 20), Some(500)));
        assert_eq!((asked.limits.idle_ms, asked.limits.cpuset.as_deref()), (Some(1_200_000), Some("0-1,3")));
        assert_eq!(
            (asked.limits.io_bytes_per_second, asked.limits.disk_inodes),
            (Some(20 << 20), Some(10_000))
        );
        assert_eq!((asked.limits.lifetime_ms, asked.limits.disk_bytes), (Some(1_800_000), Some(2 << 30)));
        assert_eq!(
            (asked.networks, asked.engine, asked.new_privileges),
            (vec!["blue".into()], Engine::Crun, true)
        );
        assert_eq!(
            command(&text),
            "porthole run -it --memory 64m --cpus 0.5 --pids 32 --lifetime 30m --idle 20m --cpuset-cpus 0-1,3 --io 20m \
             --disk 2g --disk-files 10000 --network blue --engine crun --new-privileges debian"
        );
    }

    #[test]
    fn what_is_not_understood_is_said_with_an_example() {
        assert_eq!(
            limits(&typed(&[("memory", "a lot")])).expect_err("no size"),
            "Memory takes a size, such as 64m or 1.5g."
        );
        assert!(spec(&typed(&[("network", "lab")])).is_err(), "a lab without a name");
    }

    #[test]
    fn an_empty_field_shows_what_it_stands_for() {
        let limits = Limits { memory_bytes: Some(256 << 20), cpu_millis: Some(1500), ..Limits::default() };
        assert_eq!(
            ["memory", "cpus", "pids", "lifetime"].map(|name| shown(name, &limits)),
            ["256 MiB", "1.5", "", "no end"]
        );
    }
}

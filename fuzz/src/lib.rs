//! One function for each door that bytes of strangers come in by. Each takes any bytes: it may refuse them, but must not
//! panic, hang or use memory without bound, and what it lets in must be what its documentation says.
//!
//! `cargo xtask fuzz` drives them by libFuzzer; `tests/short.rs` gives them the corpora and changed copies in every run of
//! the tests.

use std::io::Write;
use std::os::fd::AsFd;

use porthole::fuzzing as agent;
use porthole_launcher::fuzzing as launcher;
use porthole_protocol::control::{ClientMessage, ServerMessage};
use porthole_protocol::frame::Frame;
use porthole_protocol::limits::MAX_FRAME_BYTES;

/// What takes the bytes.
pub type Door = fn(&[u8]);

/// A target: its name, which is that of its corpus, and what it calls.
pub type Target = (&'static str, Door);

/// All of them.
pub const TARGETS: [Target; 13] = [
    ("frame", frame),
    ("control", control),
    ("launcher", self::launcher),
    ("image", image),
    ("layer", layer),
    ("compressed", compressed),
    ("reference", reference),
    ("user", user),
    ("proc", proc),
    ("registry", registry),
    ("host", host),
    ("name", name),
    ("preview", preview),
];

/// The door of that name.
#[must_use]
pub fn door(name: &str) -> Option<Door> {
    TARGETS.into_iter().find_map(|(known, door)| (known == name).then_some(door))
}

/// A binary message of the socket.
pub fn frame(bytes: &[u8]) {
    if let Ok(frame) = Frame::decode(bytes) {
        assert!(!frame.payload.is_empty() && bytes.len() <= MAX_FRAME_BYTES);
        assert_eq!(frame.encode(), bytes);
    }
}

/// A text message of the socket, of either side: what is read and written again is the same.
pub fn control(bytes: &[u8]) {
    if let Ok(message) = serde_json::from_slice::<ClientMessage>(bytes) {
        let text = serde_json::to_vec(&message).expect("what was read can be written");
        assert_eq!(serde_json::from_slice::<ClientMessage>(&text).ok(), Some(message));
    }
    if let Ok(message) = serde_json::from_slice::<ServerMessage>(bytes) {
        let text = serde_json::to_vec(&message).expect("what was read can be written");
        assert_eq!(serde_json::from_slice::<ServerMessage>(&text).ok(), Some(message));
    }
}

/// A message of the socket between agent and launcher: a compromised agent sends anything.
pub fn launcher(bytes: &[u8]) {
    launcher::request(bytes);
    launcher::message(bytes);
}

/// Documents of an image: manifests, indexes, configurations, and changes of the latter.
pub fn image(bytes: &[u8]) {
    agent::image_documents(bytes);
}

/// A layer, unpacked into a directory.
pub fn layer(bytes: &[u8]) {
    let outer = tempfile::tempdir().expect("a directory can be made");
    let root = outer.path().join("layer");
    std::fs::create_dir(&root).expect("a directory can be made");
    let mut tar = tempfile::tempfile().expect("a file can be made");
    tar.write_all(bytes).expect("a file can be written");
    std::io::Seek::rewind(&mut tar).expect("a file can be rewound");
    let directory = std::fs::File::open(&root).expect("a directory can be opened");
    let unpacked = porthole::image::unpack::apply(tar, directory.as_fd());
    if let Err(why) = unpacked {
        assert!(!why.chars().any(char::is_control), "{why:?}");
    }
    let beside: Vec<_> = std::fs::read_dir(outer.path()).expect("a directory can be read").collect();
    assert_eq!(beside.len(), 1, "something was written beside the layer");
}

/// A compressed archive.
pub fn compressed(bytes: &[u8]) {
    agent::compressed(bytes);
}

/// The name of an image.
pub fn reference(bytes: &[u8]) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        agent::reference(text);
    }
}

/// `USER[:GROUP]`, then `/etc/passwd` and `/etc/group` of an image, separated by a form feed.
pub fn user(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.splitn(3, '\x0c');
    let [wanted, passwd, group] = [(); 3].map(|()| parts.next().unwrap_or_default());
    agent::user(wanted, passwd, group);
}

/// Files of `/proc`, in which names and paths are a stranger's.
pub fn proc(bytes: &[u8]) {
    agent::proc_files(&String::from_utf8_lossy(bytes));
}

/// Headers of a registry's answer.
pub fn registry(bytes: &[u8]) {
    agent::registry_headers(bytes);
}

/// `Host` and `Origin` of a request, separated by a line break.
pub fn host(bytes: &[u8]) {
    let mut lines = bytes.splitn(2, |byte| *byte == b'\n');
    let host = lines.next().unwrap_or_default();
    agent::host_and_origin(host, lines.next());
}

/// What a container asks the name server.
pub fn name(bytes: &[u8]) {
    agent::name_query(bytes);
}

/// Heads between a browser and a program behind a preview, a line for each header.
pub fn preview(bytes: &[u8]) {
    agent::preview_heads(bytes);
}

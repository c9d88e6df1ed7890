//! A launcher on its own, as the tests start it: `launcher-alone STATE FIRST_RANGE RANGES`, or
//! without root `launcher-alone STATE`. Listens on `STATE/launcher.sock`.

mod worker;

use std::error::Error;
use std::path::PathBuf;

use porthole_launcher::rootless;
use porthole_launcher::server::{Config, serve};
use porthole_launcher::worker::Programs;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (state, first_range, ranges) = match &arguments[..] {
        [state] => (state, 0, rootless::enter()?.ids),
        [state, first_range, ranges] => (state, first_range.parse()?, ranges.parse()?),
        _ => return Err("usage: launcher-alone STATE [FIRST_RANGE RANGES]".into()),
    };
    let state = PathBuf::from(state);
    let path = state.join("launcher.sock");
    match std::fs::remove_file(&path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    let listener = socket_with(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    bind(&listener, &SocketAddrUnix::new(&path)?)?;
    listen(&listener, 8)?;
    let config = Config {
        state,
        listener,
        rootless: arguments.len() == 1,
        programs: Programs { unpack: worker::follow, work: worker::work },
        first_range,
        ranges,
    };
    Ok(serve(config, || ())?)
}

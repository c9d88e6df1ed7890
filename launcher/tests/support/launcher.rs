//! A launcher on its own, as the tests start it: `launcher-alone STATE FIRST_RANGE RANGES`. Listens on `STATE/launcher.sock`.

mod worker;

use std::error::Error;
use std::path::PathBuf;

use porthole_launcher::server::{Config, serve};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, listen, socket_with};

fn main() -> Result<(), Box<dyn Error>> {
    let [state, first_range, ranges] = &std::env::args().skip(1).collect::<Vec<_>>()[..] else {
        return Err("usage: launcher-alone STATE FIRST_RANGE RANGES".into());
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
        rootless: false,
        unpack: worker::follow,
        first_range: first_range.parse()?,
        ranges: ranges.parse()?,
    };
    Ok(serve(config, || ())?)
}

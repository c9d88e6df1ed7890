//! The door that `PORTHOLE_FUZZ_DOOR` names, for libFuzzer. One program for all of them: each would hold the whole of the
//! agent once more, and take as long to link.
#![no_main]

use std::sync::LazyLock;

use porthole_fuzz::Door;

static DOOR: LazyLock<Door> = LazyLock::new(|| {
    let name = std::env::var("PORTHOLE_FUZZ_DOOR").expect("PORTHOLE_FUZZ_DOOR names a door");
    porthole_fuzz::door(&name).unwrap_or_else(|| panic!("there is no door {name}"))
});

libfuzzer_sys::fuzz_target!(init: LazyLock::force(&DOOR), |bytes: &[u8]| (*DOOR)(bytes));

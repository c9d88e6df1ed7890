//! See `porthole_fuzz::proc`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| porthole_fuzz::proc(bytes));

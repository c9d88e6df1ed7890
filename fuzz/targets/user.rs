//! See `porthole_fuzz::user`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| porthole_fuzz::user(bytes));

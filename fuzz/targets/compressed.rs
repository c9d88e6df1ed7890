//! See `porthole_fuzz::compressed`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| porthole_fuzz::compressed(bytes));

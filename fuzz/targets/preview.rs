//! See `porthole_fuzz::preview`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| porthole_fuzz::preview(bytes));

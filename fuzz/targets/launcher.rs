//! See `porthole_fuzz::launcher`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| porthole_fuzz::launcher(bytes));

//! `cargo xtask`, see the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    match xtask::command() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("\nerror: {error:#}");
            ExitCode::FAILURE
        }
    }
}

//! The terminal this program was started from.

use std::io::{IsTerminal, stderr, stdin, stdout};

use porthole_protocol::spec::Size;
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcgetwinsize, tcsetattr};

use super::failure::Failure;

/// Whether what is typed comes from a person at a terminal.
pub(super) fn input_is_terminal() -> bool {
    stdin().is_terminal()
}

/// Whether what is printed goes to a person at a terminal.
pub(super) fn output_is_terminal() -> bool {
    stdout().is_terminal()
}

/// The size of the terminal on standard output, input or error, whichever is one; none when none is.
pub(super) fn size() -> Option<Size> {
    let size =
        tcgetwinsize(stdout()).or_else(|_| tcgetwinsize(stdin())).or_else(|_| tcgetwinsize(stderr())).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some(Size { rows: size.ws_row, cols: size.ws_col })
}

/// The terminal in raw mode: every key goes inside, Ctrl-C included. Dropping it, in a panic as well, restores the mode
/// that was there before; signals that would end this program are caught by [`Signals`](super::signals::Signals) and
/// end it by way of the same drop.
pub(super) struct RawMode {
    before: Termios,
}

impl RawMode {
    /// Enters raw mode, see `termios(3)`, `cfmakeraw`.
    ///
    /// # Errors
    /// [`Failure::Local`] when standard input is no terminal.
    pub(super) fn enter() -> Result<Self, Failure> {
        let refused = |error| Failure::local(format!("The terminal cannot be set to raw mode: {error}."), "");
        let before = tcgetattr(stdin()).map_err(refused)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Drain, &raw).map_err(refused)?;
        Ok(Self { before })
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        // A terminal that has gone away has no mode to restore.
        let _ = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

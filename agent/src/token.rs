//! The secret that clients from other machines must know. It outlives the agent, so that pages that are open resume.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::http::guard::Token;
use crate::random;

/// Random bytes of a token: 192 bits.
const BYTES: usize = 24;

/// The token kept in the agent's directory; a new one when there is none.
///
/// # Errors
/// When it can neither be read nor written.
pub(crate) fn load_or_create(dir: &Path) -> io::Result<Token> {
    let path = dir.join("token");
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() == BYTES * 2 => return Ok(Token::new(text.trim().to_owned())),
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        // One that was half written.
        Ok(_) => fs::remove_file(&path)?,
        Err(_) => {}
    }
    let text: String = random::bytes::<BYTES>().iter().map(|byte| format!("{byte:02x}")).collect();
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path)?;
    file.write_all(text.as_bytes())?;
    Ok(Token::new(text))
}

#[cfg(test)]
mod tests {
    use super::load_or_create;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_token_is_kept_for_the_owner_alone() {
        let dir = tempfile::tempdir().unwrap();
        let first = load_or_create(dir.path()).unwrap();
        let again = load_or_create(dir.path()).unwrap();
        assert_eq!(first.reveal(), again.reveal());
        assert_eq!(first.reveal().len(), 48);
        let mode = std::fs::metadata(dir.path().join("token")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(dir.path().join("token"), "half").unwrap();
        assert_ne!(load_or_create(dir.path()).unwrap().reveal(), first.reveal());
    }
}

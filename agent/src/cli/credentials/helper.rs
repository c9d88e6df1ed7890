//! Programs that keep credentials. Source: `docker/docker-credential-helpers`, README, "Development".

use std::process::Stdio;
use std::time::Duration;

use porthole_protocol::image::Credentials;
use serde::Deserialize;
use thiserror::Error;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::process::Command;
use tokio::time::timeout;

use crate::cli::failure::reason;

/// How all these programs' names begin.
const PREFIX: &str = "docker-credential-";

/// How long one may take: it may ask a person to unlock a key.
const DEADLINE: Duration = Duration::from_secs(120);

/// Most that one may answer, in bytes: a name and a token.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// What a helper says, on standard output, of a registry it knows nothing of.
const NOT_FOUND: &str = "credentials not found";

/// The name of a user that is none: what comes beside it is a token.
const TOKEN_USER: &str = "<token>";

/// Why a helper gave no credentials. What it printed is not part of it: that may hold a secret.
#[derive(Debug, Error)]
pub(super) enum HelperError {
    #[error("The credential helper '{0}' has a name that no program can have.")]
    Name(String),
    #[error("The credential helper '{PREFIX}{0}' cannot be run: {1}.")]
    Start(String, String),
    #[error("The credential helper '{PREFIX}{0}' failed.")]
    Failed(String),
    #[error("The credential helper '{PREFIX}{0}' did not answer within two minutes.")]
    Slow(String),
    #[error("The credential helper '{PREFIX}{0}' answered what is not understood.")]
    Answer(String),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer {
    username: String,
    secret: String,
}

/// Asks a helper for what it keeps for this registry.
///
/// # Errors
/// Any [`HelperError`]; knowing nothing is none.
pub(super) async fn ask(helper: &str, server: &str) -> Result<Option<Credentials>, HelperError> {
    if helper.contains('/') {
        return Err(HelperError::Name(helper.to_owned()));
    }
    ask_program(Command::new(format!("{PREFIX}{helper}")), helper, server, DEADLINE).await
}

async fn ask_program(
    program: Command,
    helper: &str,
    server: &str,
    deadline: Duration,
) -> Result<Option<Credentials>, HelperError> {
    let answer = timeout(deadline, talk(program, server)).await;
    let (ended_well, answer) = answer
        .map_err(|_| HelperError::Slow(helper.to_owned()))?
        .map_err(|error| HelperError::Start(helper.to_owned(), reason(&error)))?;
    if !ended_well {
        let unknown = String::from_utf8_lossy(&answer).contains(NOT_FOUND);
        return if unknown { Ok(None) } else { Err(HelperError::Failed(helper.to_owned())) };
    }
    let Answer { username, secret } =
        serde_json::from_slice(&answer).map_err(|_| HelperError::Answer(helper.to_owned()))?;
    Ok(match username.as_str() {
        TOKEN_USER => Some(Credentials::IdentityToken { token: secret }),
        "" => None,
        _ => Some(Credentials::Basic { username, password: secret }),
    })
}

/// Whether it ended well, and what it said. Dropping this ends the program.
async fn talk(mut program: Command, server: &str) -> std::io::Result<(bool, Vec<u8>)> {
    let mut child = program
        .arg("get")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .kill_on_drop(true)
        .spawn()?;
    let mut question = child.stdin.take().expect("it was piped");
    // One that ends without reading closes the pipe; its status tells.
    let _ = question.write_all(server.as_bytes()).await;
    drop(question);
    let mut answer = Vec::new();
    let stdout = child.stdout.take().expect("it was piped");
    stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok((child.wait().await?.success(), answer))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// What a helper that is this shell script gives for `a.io`.
    async fn asked(script: &str, deadline: Duration) -> Result<Option<Credentials>, HelperError> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("docker-credential-test");
        fs::write(&file, script).unwrap();
        let mut program = Command::new("sh");
        program.arg(&file);
        ask_program(program, "test", "a.io", deadline).await
    }

    #[tokio::test]
    async fn a_helper_gets_the_server_and_gives_name_and_secret() {
        let script = r#"read server; test "$1" = get && printf '{"ServerURL":"%s","Username":"%s","Secret":"s"}' x "$server""#;
        let expected = Credentials::Basic { username: "a.io".into(), password: "s".into() };
        assert_eq!(asked(script, DEADLINE).await.unwrap(), Some(expected));
    }

    #[tokio::test]
    async fn a_token_comes_by_the_name_of_no_user() {
        let script = r#"echo '{"Username":"<token>","Secret":"t"}'"#;
        let expected = Credentials::IdentityToken { token: "t".into() };
        assert_eq!(asked(script, DEADLINE).await.unwrap(), Some(expected));
    }

    #[tokio::test]
    async fn knowing_nothing_is_no_error() {
        let script = "echo credentials not found in native keychain; exit 1";
        assert_eq!(asked(script, DEADLINE).await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_helper_that_fails_is_named_and_its_words_are_not_repeated() {
        for (script, ends) in
            [("echo secret; exit 3", "failed."), ("echo secret", "understood."), ("yes secret", "failed.")]
        {
            let error = asked(script, DEADLINE).await.unwrap_err().to_string();
            assert!(error.contains("docker-credential-test") && error.ends_with(ends), "{script}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
        assert!(matches!(ask("../x", "a.io").await, Err(HelperError::Name(_))));
        assert!(matches!(ask("no-such-helper", "a.io").await, Err(HelperError::Start(..))));
    }

    #[tokio::test]
    async fn a_helper_that_never_answers_is_given_up() {
        let error = asked("exec sleep 1000", Duration::from_millis(50)).await.unwrap_err();
        assert!(matches!(error, HelperError::Slow(_)), "{error}");
    }
}

//! What goes wrong with registries, and whether to try again.

use std::time::{Duration, SystemTime};

use reqwest::header::RETRY_AFTER;
use reqwest::{Response, StatusCode};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::{Patience, Registry};
use crate::image::ImageError;
use crate::image::add::cancelled;
use crate::random;

/// Most that is read of a refusal, in bytes.
const MAX_REFUSAL_BYTES: u64 = 16 * 1024;

/// Most letters of what a registry says that are passed on.
const MAX_WORDS: usize = 200;

/// Why a request came to nothing.
#[derive(Debug)]
pub(in crate::image) enum Trouble {
    /// It may do better in a while.
    Passing {
        /// What to say when it does not.
        error: ImageError,
        /// How long the registry asks us to wait.
        after: Option<Duration>,
    },
    /// It will be no different the next time.
    Final(ImageError),
}

impl From<ImageError> for Trouble {
    fn from(error: ImageError) -> Self {
        Self::Final(error)
    }
}

/// Counts failures in a row and waits longer after each.
#[derive(Debug)]
pub(in crate::image) struct Attempts<'a> {
    patience: &'a Patience,
    failures: u32,
}

impl<'a> Attempts<'a> {
    pub(in crate::image) fn new(patience: &'a Patience) -> Self {
        Self { patience, failures: 0 }
    }

    /// There was progress: failures are counted anew.
    pub(in crate::image) fn progress(&mut self) {
        self.failures = 0;
    }

    /// Waits before the next attempt.
    ///
    /// # Errors
    /// The trouble's own error when it is final or there were too many; [`ImageError::Interrupted`] when cancelled.
    pub(in crate::image) async fn pause(
        &mut self,
        trouble: Trouble,
        cancel: &CancellationToken,
    ) -> Result<(), ImageError> {
        let (error, after) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Passing { error, after } => (error, after),
        };
        self.failures += 1;
        if self.failures >= self.patience.tries {
            return Err(error);
        }
        let Patience { pause, longest_pause, .. } = *self.patience;
        let backed_off = pause.saturating_mul(1 << (self.failures - 1).min(16));
        // Between a half and the whole of it, so that many who failed together do not come again together.
        let jitter = f64::from(u32::from_le_bytes(random::bytes())) / f64::from(u32::MAX);
        let wait = after.unwrap_or_else(|| backed_off.mul_f64(0.5 + jitter / 2.0)).min(longest_pause);
        tracing::debug!(%error, ?wait, "a registry failed and is tried again");
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = cancel.cancelled() => Err(cancelled()),
        }
    }
}

/// A registry's refusal. Source: OCI distribution spec, "Error Codes".
#[derive(Deserialize)]
struct Refusal {
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    code: String,
    #[serde(default)]
    message: String,
}

impl Registry {
    /// An error for what a registry must not do.
    pub(in crate::image) fn failed(&self, why: String) -> ImageError {
        ImageError::RegistryFailed { registry: self.host(), why }
    }

    /// Trouble that may pass.
    pub(in crate::image) fn passing(&self, why: impl Into<String>) -> Trouble {
        Trouble::Passing { error: self.failed(why.into()), after: None }
    }

    /// What a request that got no answer means.
    pub(in crate::image) fn unreachable(&self, error: &reqwest::Error) -> Trouble {
        let mut cause: &dyn std::error::Error = error;
        while let Some(deeper) = cause.source() {
            cause = deeper;
        }
        let why = if error.is_connect() { "it cannot be reached" } else { "the connection broke" };
        let cause = cause.to_string();
        // The number says nothing that the words do not.
        let words = cause.split(" (os error").next().unwrap_or_default();
        let why = format!("{why}: {}", harmless(words));
        // What TLS finds wrong stays wrong.
        let is_tls = std::iter::successors(Some(error as &dyn std::error::Error), |error| error.source())
            .any(|error| {
                error.downcast_ref::<std::io::Error>().is_some_and(|io| {
                    io.get_ref().is_some_and(<dyn std::error::Error + Send + Sync>::is::<rustls::Error>)
                }) || error.is::<rustls::Error>()
            });
        if is_tls { self.failed(why).into() } else { self.passing(why) }
    }

    /// What an answer other than success means; `who` gave it.
    pub(super) async fn refused(&self, response: Response, who: &str) -> Trouble {
        let status = response.status();
        let after = response.headers().get(RETRY_AFTER).and_then(|value| wait_of(value.to_str().ok()?));
        let said = match self.read(response, MAX_REFUSAL_BYTES, "a refusal").await {
            Ok(bytes) => words(&bytes),
            Err(_) => String::new(),
        };
        let why = format!("{who} answers {}{said}", status.as_u16());
        match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                ImageError::RegistryDenied { registry: self.host(), why }.into()
            }
            StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
                Trouble::Passing { error: self.failed(why), after }
            }
            status if status.is_server_error() => Trouble::Passing { error: self.failed(why), after },
            _ => self.failed(why).into(),
        }
    }
}

/// Seconds or a date. RFC 9110, section 10.2.3.
fn wait_of(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.trim().parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = time::OffsetDateTime::parse(text, &time::format_description::well_known::Rfc2822).ok()?;
    Some(SystemTime::from(date).duration_since(SystemTime::now()).unwrap_or_default())
}

/// What a refusal says, for people.
fn words(bytes: &[u8]) -> String {
    let reason =
        serde_json::from_slice::<Refusal>(bytes).ok().and_then(|refusal| refusal.errors.into_iter().next());
    match reason {
        Some(Reason { code, message }) if message.is_empty() => format!(" ({})", harmless(&code)),
        Some(Reason { message, .. }) => format!(" ({})", harmless(&message)),
        None => String::new(),
    }
}

/// Text from outside, bounded and without characters that do more than be read.
fn harmless(text: &str) -> String {
    text.chars().take(MAX_WORDS).map(|letter| if letter.is_control() { ' ' } else { letter }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_may_say_how_long_to_wait() {
        assert_eq!(wait_of("7"), Some(Duration::from_secs(7)));
        assert_eq!(wait_of("Wed, 21 Oct 2015 07:28:00 GMT"), Some(Duration::ZERO));
        assert_eq!(wait_of("soon"), None);
    }

    #[test]
    fn a_refusal_is_told_in_its_own_words() {
        let told = words(br#"{"errors":[{"code":"DENIED","message":"no \u001b[31mpull"}]}"#);
        assert_eq!(told, " (no  [31mpull)");
        assert_eq!(words(br#"{"errors":[{"code":"DENIED"}]}"#), " (DENIED)");
        assert_eq!(words(b"<html>"), "");
    }

    #[tokio::test]
    async fn trouble_ends_after_as_many_failures_as_patience_has() {
        let patience = Patience { tries: 3, pause: Duration::from_millis(1), ..Patience::default() };
        let error = || ImageError::NotAllowed("x".into());
        let passing = || Trouble::Passing { error: error(), after: Some(Duration::ZERO) };
        let cancel = CancellationToken::new();
        let mut attempts = Attempts::new(&patience);
        assert!(attempts.pause(passing(), &cancel).await.is_ok());
        assert!(attempts.pause(passing(), &cancel).await.is_ok());
        attempts.progress();
        assert!(attempts.pause(passing(), &cancel).await.is_ok());
        assert!(attempts.pause(Trouble::Final(error()), &cancel).await.is_err());
        assert!(attempts.pause(passing(), &cancel).await.is_ok());
        assert!(attempts.pause(passing(), &cancel).await.is_err());
        cancel.cancel();
        let mut attempts = Attempts::new(&patience);
        let waits = Trouble::Passing { error: error(), after: Some(Duration::from_secs(3600)) };
        assert!(matches!(attempts.pause(waits, &cancel).await, Err(ImageError::Interrupted(_))));
    }
}

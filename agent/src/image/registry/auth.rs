//! Logging in.

use porthole_protocol::image::Credentials;
use reqwest::header::HeaderMap;
use reqwest::{RequestBuilder, StatusCode, Url};
use serde::Deserialize;

use super::challenge::Challenge;
use super::{Access, Registry, Trouble};
use crate::image::ImageError;

/// Largest answer of a login server, in bytes. Tokens have a few thousand.
const MAX_ANSWER_BYTES: u64 = 64 * 1024;

/// Who we say we are to a login server.
const CLIENT: &str = "porthole";

/// What lets one in.
#[derive(Clone)]
pub(super) enum Pass {
    Basic { username: String, password: String },
    Bearer(String),
}

impl Pass {
    /// Shows it.
    pub(super) fn show(&self, request: RequestBuilder) -> RequestBuilder {
        match self {
            Self::Basic { username, password } => request.basic_auth(username, Some(password)),
            Self::Bearer(token) => request.bearer_auth(token),
        }
    }
}

/// A login server's answer; it has either of them.
#[derive(Deserialize)]
struct Answer {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// Gets what lets one in, as these headers of a refusal demand it.
    pub(super) async fn log_in(&self, refusal: &HeaderMap) -> Result<(), Trouble> {
        let mut pass = self.pass.lock().await;
        *pass = None;
        let new = match (Challenge::of(refusal), &self.credentials) {
            (Some(Challenge::Bearer { realm, service, scope }), _) => {
                Pass::Bearer(self.token(&realm, service, scope).await?)
            }
            (Some(Challenge::Basic), Some(Credentials::Basic { username, password })) => {
                Pass::Basic { username: username.clone(), password: password.clone() }
            }
            _ => return Err(self.denied("it demands a name and a password").into()),
        };
        *pass = Some(new);
        Ok(())
    }

    /// A token from the login server `realm`, which is shown the credentials: so it must be spoken to as safely as the
    /// registry itself.
    async fn token(
        &self,
        realm: &str,
        service: Option<String>,
        scope: Option<String>,
    ) -> Result<String, Trouble> {
        let realm = Url::parse(realm).ok().filter(|url| {
            url.scheme() == "https" || (url.scheme() == "http" && self.base.scheme() == "http")
        });
        let realm = realm.ok_or_else(|| self.failed("it names a login server without TLS".into()))?;
        let actions = match self.access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let scope = scope.unwrap_or_else(|| format!("repository:{}:{actions}", self.repository));
        let mut query = vec![("scope", scope)];
        query.extend(service.map(|service| ("service", service)));
        let request = match &self.credentials {
            None => self.http.get(realm).query(&query),
            Some(Credentials::Basic { username, password }) => {
                self.http.get(realm).query(&query).basic_auth(username, Some(password))
            }
            // RFC 6749, section 6.
            Some(Credentials::IdentityToken { token }) => {
                let grant = [
                    ("grant_type", "refresh_token"),
                    ("client_id", CLIENT),
                    ("refresh_token", token.as_str()),
                ];
                query.extend(grant.map(|(name, value)| (name, value.to_owned())));
                self.http.post(realm).form(&query)
            }
        };
        let response = self.answer(request).await?;
        match response.status() {
            StatusCode::OK => {}
            StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                return Err(self.denied("its login server refuses").into());
            }
            _ => return Err(self.refused(response, "its login server").await),
        }
        let bytes = self.read(response, MAX_ANSWER_BYTES, "a token").await?;
        let answer = serde_json::from_slice::<Answer>(&bytes).ok();
        let token = answer.and_then(|answer| answer.token.or(answer.access_token));
        Ok(token.ok_or_else(|| self.failed("its login server gives no token".into()))?)
    }

    fn denied(&self, why: &str) -> ImageError {
        ImageError::RegistryDenied { registry: self.host(), why: why.to_owned() }
    }
}

//! `config.json` of Docker and `auth.json` of Podman, which are of one form.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use porthole_protocol::image::Credentials;
use serde::Deserialize;

use super::{DEFAULT_REGISTRY, prefixes};

/// What Docker calls its own registry in these files and towards its helpers.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The hosts of Docker's own registry.
const DOCKER_HUB_HOSTS: [&str; 3] = [DEFAULT_REGISTRY, "index.docker.io", "registry-1.docker.io"];

/// The parts of the file that are about credentials.
#[derive(Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct AuthFile {
    auths: BTreeMap<String, Entry>,
    cred_helpers: BTreeMap<String, String>,
    creds_store: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
}

/// Where the credentials for a registry are.
#[derive(PartialEq, Eq)]
#[cfg_attr(test, derive(Debug))]
pub(super) enum Kept {
    /// In the file.
    Here(Credentials),
    /// By the program `docker-credential-HELPER`, under this name.
    By {
        /// The program's name, without what all of them begin with.
        helper: String,
        /// The registry as the program knows it.
        server: String,
    },
}

impl AuthFile {
    /// Reads it.
    ///
    /// # Errors
    /// When it is not JSON of that form.
    pub(super) fn parse(text: &[u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(text)
    }

    /// Where credentials for this repository may be, in the order to ask: the registry's own helper, the one for all
    /// registries, the file.
    pub(super) fn kept_for(&self, repository: &str) -> Vec<Kept> {
        let host = repository.split('/').next().unwrap_or(repository);
        let server = if host == DEFAULT_REGISTRY { DOCKER_HUB_KEY } else { host };
        let own = prefixes(repository).find_map(|prefix| named(&self.cred_helpers, prefix));
        let for_all = (!self.creds_store.is_empty()).then_some(&self.creds_store);
        let by = |helper: &String| Kept::By { helper: helper.clone(), server: server.to_owned() };
        let here = prefixes(repository).find_map(|prefix| named(&self.auths, prefix)?.credentials());
        own.into_iter().chain(for_all).map(by).chain(here.map(Kept::Here)).collect()
    }
}

/// The entry whose key means this part of a registry.
fn named<'a, T>(entries: &'a BTreeMap<String, T>, prefix: &str) -> Option<&'a T> {
    entries.iter().find_map(|(key, entry)| (normalised(key) == prefix).then_some(entry))
}

impl Entry {
    /// None when a helper keeps them, which leaves the entry empty, or `auth` is not base64 of `NAME:PASSWORD`.
    fn credentials(&self) -> Option<Credentials> {
        if !self.identitytoken.is_empty() {
            return Some(Credentials::IdentityToken { token: self.identitytoken.clone() });
        }
        if !self.username.is_empty() {
            return Some(Credentials::Basic {
                username: self.username.clone(),
                password: self.password.clone(),
            });
        }
        let decoded = String::from_utf8(STANDARD.decode(&self.auth).ok()?).ok()?;
        let (username, password) = decoded.split_once(':')?;
        let password = password.trim_end_matches('\0');
        (!username.is_empty())
            .then(|| Credentials::Basic { username: username.to_owned(), password: password.to_owned() })
    }
}

/// A key of the file, or a repository, as `host[/path]`: without scheme and version, Docker's own registry by one name.
pub(super) fn normalised(key: &str) -> String {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    let key = key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key);
    let (host, path) = key.find('/').map_or((key, ""), |slash| key.split_at(slash));
    let host = if DOCKER_HUB_HOSTS.contains(&host) { DEFAULT_REGISTRY } else { host };
    format!("{host}{path}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn basic(username: &str, password: &str) -> Kept {
        Kept::Here(Credentials::Basic { username: username.into(), password: password.into() })
    }

    fn kept(file: &str, repository: &str) -> Vec<Kept> {
        AuthFile::parse(file.as_bytes()).unwrap().kept_for(repository)
    }

    #[test]
    fn docker_hub_goes_by_many_names() {
        let auth = STANDARD.encode("me:a:b");
        for key in [
            "https://index.docker.io/v1/",
            "index.docker.io",
            "docker.io",
            "https://registry-1.docker.io",
            "https://docker.io/v2/",
        ] {
            let file = format!(r#"{{"auths": {{"{key}": {{"auth": "{auth}"}}}}}}"#);
            assert_eq!(kept(&file, "docker.io/library/busybox"), [basic("me", "a:b")], "{key}");
            assert_eq!(kept(&file, "ghcr.io/a"), [], "another registry is not shown them");
        }
    }

    #[test]
    fn the_most_exact_entry_counts() {
        let (all, one) = (STANDARD.encode("all:1"), STANDARD.encode("one:2"));
        let file = format!(
            r#"{{"auths": {{"quay.io": {{"auth": "{all}"}}, "quay.io/team/tool": {{"auth": "{one}"}}}}}}"#
        );
        assert_eq!(kept(&file, "quay.io/team/tool"), [basic("one", "2")]);
        assert_eq!(kept(&file, "quay.io/team/other"), [basic("all", "1")]);
        assert_eq!(kept(&file, "quay.io.example.org/team/tool"), []);
    }

    #[test]
    fn tokens_and_plain_fields_are_taken() {
        let token = r#"{"auths": {"a.io": {"auth": "bWU6eA==", "identitytoken": "secret"}}}"#;
        let expected = Kept::Here(Credentials::IdentityToken { token: "secret".into() });
        assert_eq!(kept(token, "a.io/x"), [expected]);
        let plain = r#"{"auths": {"https://a.io": {"username": "me", "password": "p"}}}"#;
        assert_eq!(kept(plain, "a.io/x"), [basic("me", "p")]);
    }

    #[test]
    fn helpers_come_before_the_file() {
        let file = r#"{
            "auths": {"a.io": {"auth": "bWU6cA=="}, "b.io": {}},
            "credHelpers": {"a.io": "own"},
            "credsStore": "all",
            "HttpHeaders": {"User-Agent": "x"}
        }"#;
        let by = |helper: &str, server: &str| Kept::By { helper: helper.into(), server: server.into() };
        assert_eq!(kept(file, "a.io/x"), [by("own", "a.io"), by("all", "a.io"), basic("me", "p")]);
        assert_eq!(kept(file, "b.io/x"), [by("all", "b.io")]);
        assert_eq!(kept(file, "docker.io/library/x"), [by("all", DOCKER_HUB_KEY)]);
    }

    #[test]
    fn what_is_broken_gives_nothing() {
        for auth in ["", "!", "bWU=", "OnA=", "/w=="] {
            assert_eq!(
                kept(&format!(r#"{{"auths": {{"a.io": {{"auth": "{auth}"}}}}}}"#), "a.io/x"),
                [],
                "{auth}"
            );
        }
        assert!(AuthFile::parse(b"[]x").is_err());
    }
}

//! Which registries images come from and go to, as the operator of this agent wants it.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;

use crate::image::ImageError;
use crate::image::reference::DEFAULT_DOMAIN;

/// Where the images of [`DEFAULT_DOMAIN`] are served.
const DEFAULT_HOST: &str = "registry-1.docker.io";

/// The `[registries]` table of the configuration file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct RegistrySettings {
    /// Whether images may be pulled and pushed at all.
    pub enabled: bool,
    /// What a name without a registry means; `docker.io` unless set.
    pub default_registry: String,
    /// The only registries to speak to; any when missing.
    pub allow: Option<Vec<String>>,
    /// Registries, beside those on this machine, that are spoken to without TLS.
    pub plain_http: Vec<String>,
    /// Mirrors by registry, each `[http://|https://]host[:port]`, tried in this order before the registry itself.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// How long registries are waited for. Not a setting of the file.
    #[serde(skip)]
    pub patience: Patience,
}

/// How long a registry is waited for, and how often it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// For a connection, for the head of an answer, and for the next bytes of its body.
    pub answer: Duration,
    /// For the whole of a manifest, configuration or token.
    pub document: Duration,
    /// A download that brings fewer than `least_bytes` within each such window is broken off.
    pub window: Duration,
    /// See `window`.
    pub least_bytes: u64,
    /// Failures in a row without progress, before it is given up.
    pub tries: u32,
    /// Wait after the first failure; it doubles with each further one.
    pub pause: Duration,
    /// Longest wait, also when the registry asks for a longer one.
    pub longest_pause: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            answer: Duration::from_secs(30),
            document: Duration::from_secs(60),
            window: Duration::from_secs(20),
            least_bytes: 20 * 1024,
            tries: 5,
            pause: Duration::from_millis(250),
            longest_pause: Duration::from_secs(60),
        }
    }
}

impl Default for RegistrySettings {
    fn default() -> Self {
        Self {
            enabled: true,
            default_registry: DEFAULT_DOMAIN.to_owned(),
            allow: None,
            plain_http: Vec::new(),
            mirrors: BTreeMap::new(),
            patience: Patience::default(),
        }
    }
}

impl RegistrySettings {
    /// Checks that the operator lets images come from, and go to, this registry.
    ///
    /// # Errors
    /// [`ImageError::NotAllowed`].
    pub(in crate::image) fn check(&self, registry: &str) -> Result<(), ImageError> {
        let is_allowed =
            self.allow.as_ref().is_none_or(|allowed| allowed.iter().any(|name| name == registry));
        if self.enabled && is_allowed { Ok(()) } else { Err(ImageError::NotAllowed(registry.to_owned())) }
    }

    /// The name with the default registry in it, where it names none and another one than Docker's is the default.
    pub(in crate::image) fn expand(&self, name: &str) -> Option<String> {
        let names_one =
            name.split_once('/').is_some_and(|(first, _)| crate::image::reference::looks_like_domain(first));
        (!names_one && self.default_registry != DEFAULT_DOMAIN)
            .then(|| format!("{}/{name}", self.default_registry))
    }

    /// Where a registry answers.
    pub(super) fn base(&self, registry: &str) -> Result<Url, ImageError> {
        let host = if registry == DEFAULT_DOMAIN { DEFAULT_HOST } else { registry };
        let is_plain = is_this_machine(host) || self.plain_http.iter().any(|name| name == registry);
        parse(&format!("{}://{host}/", if is_plain { "http" } else { "https" }), registry)
    }

    /// Where its mirrors answer.
    pub(super) fn mirrors_of(&self, registry: &str) -> Result<Vec<Url>, ImageError> {
        let mirrors = self.mirrors.get(registry).into_iter().flatten();
        let base = |mirror: &String| match mirror.split_once("://") {
            Some(_) => parse(mirror, mirror),
            None => self.base(mirror),
        };
        mirrors.map(base).collect()
    }
}

fn parse(text: &str, registry: &str) -> Result<Url, ImageError> {
    let url = Url::parse(text).ok().filter(|url| url.has_host() && matches!(url.scheme(), "http" | "https"));
    url.ok_or_else(|| ImageError::RegistryFailed {
        registry: registry.to_owned(),
        why: "this is no address of a registry".into(),
    })
}

/// Whether a host with its port is this machine by name or address: what Docker, too, trusts without TLS.
fn is_this_machine(host: &str) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registries_are_found_by_name() {
        let text =
            "plain-http = ['lan:5000']\n[mirrors]\n'docker.io' = ['http://10.0.0.1:5000', 'mirror.example']";
        let settings: RegistrySettings = toml::from_str(text).unwrap();
        let base = |name: &str| settings.base(name).unwrap().to_string();
        assert_eq!(base("docker.io"), "https://registry-1.docker.io/");
        assert_eq!(base("ghcr.io"), "https://ghcr.io/");
        assert_eq!(base("127.0.0.1:5000"), "http://127.0.0.1:5000/");
        assert_eq!(base("localhost:5000"), "http://localhost:5000/");
        assert_eq!(base("lan:5000"), "http://lan:5000/");
        let mirrors = settings.mirrors_of("docker.io").unwrap();
        assert_eq!(
            mirrors.iter().map(Url::as_str).collect::<Vec<_>>(),
            ["http://10.0.0.1:5000/", "https://mirror.example/"]
        );
        assert!(toml::from_str::<RegistrySettings>("patience = 1").is_err());
    }

    #[test]
    fn an_operator_may_choose_registries_or_none() {
        let mut settings = RegistrySettings::default();
        assert!(settings.check("any.example").is_ok());
        settings.allow = Some(vec!["docker.io".into()]);
        assert!(settings.check("docker.io").is_ok());
        assert!(matches!(settings.check("any.example"), Err(ImageError::NotAllowed(_))));
        settings.enabled = false;
        assert!(settings.check("docker.io").is_err());
    }

    #[test]
    fn a_default_registry_is_for_names_without_one() {
        let mut settings = RegistrySettings::default();
        assert_eq!(settings.expand("debian:12"), None);
        settings.default_registry = "lan:5000".into();
        assert_eq!(settings.expand("debian:12").unwrap(), "lan:5000/debian:12");
        assert_eq!(settings.expand("school/tool").unwrap(), "lan:5000/school/tool");
        assert_eq!(settings.expand("docker.io/debian"), None);
    }
}

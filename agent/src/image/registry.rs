//! A client of registries: the pull and push side of the OCI distribution specification, for one repository at a time.
//!
//! What a registry sends is hostile until its digest is known: every answer is bounded in bytes and in time, and nothing
//! that lets one in is shown to another host than the registry's own or the login server it names.

mod auth;
mod blob;
mod challenge;
mod document;
pub(super) mod fuzzing;
mod settings;
mod trouble;
mod upload;

pub use settings::{Patience, RegistrySettings};

pub(super) use document::{Document, MANIFESTS};
pub(super) use trouble::{Attempts, Trouble};

use std::sync::Arc;

use porthole_protocol::image::Credentials;
use reqwest::header::{HeaderMap, LOCATION};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode, Url};
use tokio::sync::Mutex;
use tokio::time::timeout;

use auth::Pass;

use super::ImageError;
use super::reference::Reference;

/// Redirects that are followed, one after the other. Registries send to their storage, which takes one or two.
const MAX_REDIRECTS: usize = 5;

/// What is to be done in the repository: what the login server is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Access {
    /// Read.
    Pull,
    /// Read and write.
    Push,
}

/// A repository of a registry, or of a mirror of it.
pub(super) struct Registry {
    http: Client,
    /// `scheme://host[:port]/`
    base: Url,
    repository: String,
    access: Access,
    credentials: Option<Credentials>,
    /// What let us in last.
    pass: Mutex<Option<Pass>>,
    patience: Patience,
}

/// Makes the HTTP client that all transfers share. A host without certificates of authorities can still use registries
/// on plain HTTP.
pub(super) fn http_client(patience: &Patience) -> Result<Client, ImageError> {
    // A second agent in one process, as in tests, finds it installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let found = rustls_native_certs::load_native_certs();
    let trusted = found.certs.iter().filter_map(|der| reqwest::Certificate::from_der(der).ok());
    Client::builder()
        .user_agent(concat!("porthole/", env!("CARGO_PKG_VERSION")))
        .tls_certs_only(trusted)
        .redirect(reqwest::redirect::Policy::none())
        .referer(false)
        .http1_only()
        .connect_timeout(patience.answer)
        .build()
        .map_err(|error| ImageError::store("preparing to speak to registries")(std::io::Error::other(error)))
}

impl Registry {
    /// The places to try for a pull, in order: mirrors, then the registry itself. Credentials are the registry's own and
    /// never shown to a mirror.
    pub(super) fn to_pull(
        http: &Client,
        settings: &Arc<RegistrySettings>,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Vec<Self>, ImageError> {
        let mirrors = settings.mirrors_of(reference.domain())?;
        let mirrors = mirrors.into_iter().map(|base| Self::new(http, settings, reference, base, None));
        let own = Self::new(http, settings, reference, settings.base(reference.domain())?, credentials);
        Ok(mirrors.chain([own]).collect())
    }

    /// The registry itself, for a push.
    pub(super) fn to_push(
        http: &Client,
        settings: &Arc<RegistrySettings>,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Self, ImageError> {
        let own = Self::new(http, settings, reference, settings.base(reference.domain())?, credentials);
        Ok(Self { access: Access::Push, ..own })
    }

    fn new(
        http: &Client,
        settings: &RegistrySettings,
        reference: &Reference,
        base: Url,
        credentials: Option<&Credentials>,
    ) -> Self {
        Self {
            http: http.clone(),
            base,
            repository: reference.path(),
            access: Access::Pull,
            credentials: credentials.cloned(),
            pass: Mutex::new(None),
            patience: settings.patience,
        }
    }

    /// Where it is, for people.
    pub(super) fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// How long it is waited for, and how often it is tried.
    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// The address of something in the repository.
    fn url(&self, rest: &str) -> Url {
        let mut url = self.base.clone();
        url.set_path(&format!("/v2/{}/{rest}", self.repository));
        url
    }

    /// Sends a request until it is answered with something else than a demand to log in or, where nothing is changed by it,
    /// a redirect. `dress` adds headers and a body that can be sent again.
    async fn send(
        &self,
        method: Method,
        url: Url,
        dress: impl Fn(RequestBuilder) -> RequestBuilder + Send,
    ) -> Result<Response, Trouble> {
        let (mut url, mut hops, mut logged_in) = (url, 0, false);
        loop {
            let mut request = dress(self.http.request(method.clone(), url.clone()));
            if self.is_own(&url)
                && let Some(pass) = self.pass.lock().await.as_ref()
            {
                request = pass.show(request);
            }
            let response = self.answer(request).await?;
            let status = response.status();
            if status == StatusCode::UNAUTHORIZED && self.is_own(&url) && !logged_in {
                self.log_in(response.headers()).await?;
                logged_in = true;
            } else if status.is_redirection()
                && status != StatusCode::NOT_MODIFIED
                && matches!(method, Method::GET | Method::HEAD)
            {
                hops += 1;
                if hops > MAX_REDIRECTS {
                    return Err(self.failed(format!("it redirects more than {MAX_REDIRECTS} times")).into());
                }
                url = self.redirected(&url, response.headers())?;
            } else {
                return Ok(response);
            }
        }
    }

    /// Sends one request and waits for the head of its answer.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, Trouble> {
        match timeout(self.patience.answer, request.send()).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(self.unreachable(&error)),
            Err(_) => Err(self.passing("it does not answer")),
        }
    }

    /// Where a redirect leads. From TLS to plain HTTP none does.
    fn redirected(&self, from: &Url, headers: &HeaderMap) -> Result<Url, Trouble> {
        let target = headers.get(LOCATION).and_then(|location| location.to_str().ok());
        let target = target.and_then(|location| from.join(location).ok());
        match target {
            Some(url) if url.scheme() == "https" || (url.scheme() == "http" && from.scheme() == "http") => {
                Ok(url)
            }
            Some(_) => Err(self.failed("it redirects to a place without TLS".into()).into()),
            None => Err(self.failed("it redirects to nowhere".into()).into()),
        }
    }

    /// Whether the address is of the very host that our credentials are for.
    fn is_own(&self, url: &Url) -> bool {
        let same_host = url.host_str() == self.base.host_str();
        same_host
            && url.scheme() == self.base.scheme()
            && url.port_or_known_default() == self.base.port_or_known_default()
    }
}

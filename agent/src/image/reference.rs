//! Names of images: `[domain/]path[:tag][@digest]`, Docker's grammar. Source: distribution `reference` package, OCI
//! distribution spec "Pulling manifests".

use std::fmt;
use std::str::FromStr;

use porthole_protocol::limits::MAX_REFERENCE_BYTES;

use super::digest::{Digest, is_hex};
use super::error::ImageError;

/// What a name without a domain means, and what is left out when a name is shown.
pub(super) const DEFAULT_DOMAIN: &str = "docker.io";

/// The same place by its older name.
const OLD_DEFAULT_DOMAIN: &str = "index.docker.io";

/// Where names of one component live in the default domain.
const DEFAULT_NAMESPACE: &str = "library/";

/// The tag of a name without one.
const DEFAULT_TAG: &str = "latest";

/// Longest repository, domain included, in bytes.
const MAX_REPOSITORY_BYTES: usize = 255;

/// Longest tag, in bytes.
const MAX_TAG_BYTES: usize = 128;

/// Fewest digits of an id that are taken for one: fewer are more likely a name with a typing error.
const MIN_ID_DIGITS: usize = 4;

/// An image's name, normalised: two texts that mean the same are equal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

impl Reference {
    /// Domain and path as Docker shows them: without the default domain and its namespace.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The registry: `docker.io` when the name has none.
    #[must_use]
    pub fn domain(&self) -> &str {
        self.split().0
    }

    /// The repository as the registry knows it: with the namespace of official images.
    #[must_use]
    pub fn path(&self) -> String {
        match self.split() {
            (DEFAULT_DOMAIN, path) if !path.contains('/') => format!("{DEFAULT_NAMESPACE}{path}"),
            (_, path) => path.to_owned(),
        }
    }

    fn split(&self) -> (&str, &str) {
        match self.repository.split_once('/') {
            Some((first, path)) if looks_like_domain(first) => (first, path),
            _ => (DEFAULT_DOMAIN, &self.repository),
        }
    }

    /// The tag: `latest` when neither a tag nor a digest was given.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The manifest's digest, when the name gives one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The whole name, default domain and namespace included, as containerd writes it.
    #[must_use]
    pub fn canonical(&self) -> String {
        match self.repository.split_once('/') {
            Some((first, _)) if looks_like_domain(first) => self.to_string(),
            Some(_) => format!("{DEFAULT_DOMAIN}/{self}"),
            None => format!("{DEFAULT_DOMAIN}/{DEFAULT_NAMESPACE}{self}"),
        }
    }

    /// Reads a name that is to be given to an image: it must have a tag and no digest.
    ///
    /// # Errors
    /// [`ImageError::BadReference`].
    pub fn parse_name(text: &str) -> Result<Self, ImageError> {
        let reference: Self = text.parse()?;
        if reference.digest.is_some() {
            return Err(ImageError::BadReference(
                text.to_owned(),
                "a name that is given to an image has no digest",
            ));
        }
        Ok(reference)
    }
}

impl FromStr for Reference {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, ImageError> {
        let bad = |why| ImageError::BadReference(text.chars().take(MAX_REFERENCE_BYTES).collect(), why);
        if text.len() > MAX_REFERENCE_BYTES {
            return Err(bad("it is too long"));
        }
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) => (name, Some(digest.parse().map_err(|_| bad("its digest is malformed"))?)),
            None => (text, None),
        };
        // A colon before the last slash belongs to a port.
        let tag_at = name.rfind(':').filter(|&colon| !name[colon..].contains('/'));
        let (name, tag) = match tag_at {
            Some(colon) => (&name[..colon], Some(name[colon + 1..].to_owned())),
            None => (name, None),
        };
        if tag.as_deref().is_some_and(|tag| !is_tag(tag)) {
            return Err(bad(
                "a tag is up to 128 letters, digits, '_', '.' or '-' and begins with none of the last two",
            ));
        }
        let repository = normalise(name).ok_or_else(|| {
            bad("a repository consists of lower-case letters and digits, separated by '.', '_', '-' or '/'")
        })?;
        if repository.len() == 64 && is_hex(&repository) {
            return Err(bad("64 hexadecimal digits are an id"));
        }
        let tag = tag.or_else(|| digest.is_none().then(|| DEFAULT_TAG.to_owned()));
        let reference = Self { repository, tag, digest };
        // The domain that one may leave out counts as well: else the whole name would be none.
        if reference.domain().len() + 1 + reference.path().len() > MAX_REPOSITORY_BYTES {
            return Err(bad("its repository is too long"));
        }
        Ok(reference)
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.repository)?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

/// The digits when the text can begin an image's id: `sha256:` and digits, or at least four bare digits.
pub(super) fn id_digits(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("sha256:").unwrap_or(text);
    ((MIN_ID_DIGITS..=64).contains(&digits.len()) && is_hex(digits)).then_some(digits)
}

/// Checks `[domain/]path` and takes the default domain off.
fn normalise(name: &str) -> Option<String> {
    let (domain, path) = match name.split_once('/') {
        Some((first, rest)) if looks_like_domain(first) => (first, rest),
        _ => (DEFAULT_DOMAIN, name),
    };
    if !is_domain(domain) || !path.split('/').all(is_component) {
        return None;
    }
    Some(match domain {
        // Without its domain it would be another registry's, and Docker Hub has no such names.
        DEFAULT_DOMAIN | OLD_DEFAULT_DOMAIN
            if path.split_once('/').is_some_and(|(first, _)| looks_like_domain(first)) =>
        {
            return None;
        }
        DEFAULT_DOMAIN | OLD_DEFAULT_DOMAIN => match path.strip_prefix(DEFAULT_NAMESPACE) {
            Some(short) if !short.contains('/') => short.to_owned(),
            _ => path.to_owned(),
        },
        _ => format!("{domain}/{path}"),
    })
}

pub(super) fn looks_like_domain(text: &str) -> bool {
    text == "localhost" || text.contains(['.', ':']) || text.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_domain(text: &str) -> bool {
    let (host, port) = match text.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (text, None),
    };
    let label = |label: &str| {
        let inner = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        !label.is_empty() && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    host.split('.').all(label)
        && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|_| port.bytes().all(|b| b.is_ascii_digit())))
}

/// `[a-z0-9]+` joined by `.`, `_`, `__` or any number of `-`.
fn is_component(text: &str) -> bool {
    let alphanumeric = |b: u8| b.is_ascii_digit() || b.is_ascii_lowercase();
    let separators_hold = text
        .split(|c: char| c.is_ascii_alphanumeric())
        .all(|separator| matches!(separator, "" | "." | "_" | "__") || separator.bytes().all(|b| b == b'-'));
    let edges_hold =
        text.bytes().next().is_some_and(alphanumeric) && text.bytes().last().is_some_and(alphanumeric);
    edges_hold && separators_hold && !text.bytes().any(|b| b.is_ascii_uppercase())
}

fn is_tag(text: &str) -> bool {
    let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    text.bytes().next().is_some_and(word)
        && text.len() <= MAX_TAG_BYTES
        && text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        text.parse::<Reference>()
            .map_or_else(|error| format!("refused: {error}"), |reference| reference.to_string())
    }

    #[test]
    fn texts_that_mean_the_same_become_equal() {
        for text in [
            "busybox",
            "busybox:latest",
            "library/busybox",
            "docker.io/busybox",
            "index.docker.io/library/busybox",
        ] {
            assert_eq!(shown(text), "busybox:latest", "{text}");
        }
        assert_eq!(shown("me/tool:1"), "me/tool:1");
        assert_eq!(shown("library/a/b"), "library/a/b:latest");
        assert_eq!(shown("localhost:5000/a__b/c--d:V1.0"), "localhost:5000/a__b/c--d:V1.0");
        assert_eq!(shown("localhost:5000/a"), "localhost:5000/a:latest");
        let whole = |text: &str| text.parse::<Reference>().unwrap().canonical();
        assert_eq!(whole("busybox"), "docker.io/library/busybox:latest");
        assert_eq!(whole("me/tool:1"), "docker.io/me/tool:1");
        assert_eq!(whole("localhost:5000/a"), "localhost:5000/a:latest");
        let digest = Digest::of(b"x");
        assert_eq!(shown(&format!("a@{digest}")), format!("a@{digest}"));
        assert_eq!(shown(&format!("a:1@{digest}")), format!("a:1@{digest}"));
    }

    #[test]
    fn a_name_tells_its_registry_and_what_the_registry_calls_it() {
        let parts = |text: &str| {
            let reference: Reference = text.parse().unwrap();
            (reference.domain().to_owned(), reference.path())
        };
        let of = |domain: &str, path: &str| (domain.to_owned(), path.to_owned());
        assert_eq!(parts("debian:12"), of("docker.io", "library/debian"));
        assert_eq!(parts("me/tool"), of("docker.io", "me/tool"));
        assert_eq!(parts("library/a/b"), of("docker.io", "library/a/b"));
        assert_eq!(parts("localhost:5000/tool"), of("localhost:5000", "tool"));
        assert_eq!(parts("ghcr.io/a/b/c:1"), of("ghcr.io", "a/b/c"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        // With `docker.io/library/` one byte more than a repository may have.
        let long = "a".repeat(238);
        assert!(!shown(&long[1..]).starts_with("refused"));
        let hex = "0".repeat(64);
        for bad in [
            "docker.io/another.example/tool",
            "",
            ":",
            "a:",
            "@",
            "a@sha256:00",
            "A",
            "a b",
            "a//b",
            "/a",
            "a/",
            "-a",
            "a-",
            "a..b",
            "a___b",
            "a_.b",
            "../a",
            "a:-1",
            "a:ä",
            "ä",
            "a\0",
            "x.y:port/a",
            "x.y:99999/a",
            "x.y:+1/a",
            "-x.y/a",
            &long,
            &hex,
        ] {
            assert!(shown(bad).starts_with("refused"), "{bad:?} became {}", shown(bad));
        }
    }

    #[test]
    fn ids_are_at_least_four_digits() {
        assert_eq!(id_digits("beef"), Some("beef"));
        assert_eq!(id_digits("sha256:beef01"), Some("beef01"));
        for bad in ["bee", "", "sha256:", "BEEF", "beeg", &"0".repeat(65)] {
            assert_eq!(id_digits(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_refused_or_shown_as_a_text_that_means_the_same(text in "\\PC{0,40}") {
            if let Ok(reference) = text.parse::<Reference>() {
                prop_assert_eq!(&reference.to_string().parse::<Reference>().unwrap(), &reference);
                prop_assert_eq!(reference.canonical().parse::<Reference>().unwrap(), reference);
            }
        }

        #[test]
        fn what_the_grammar_makes_is_taken(
            domain in prop::option::of("[a-z][a-z0-9]{0,8}\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?"),
            path in "[a-z0-9]{1,8}((_|__|-{1,3})[a-z0-9]{1,8}){0,2}(/[a-z0-9]{1,8}(\\.[a-z0-9]{1,8})?){0,2}",
            tag in prop::option::of("[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}"),
        ) {
            let domain = domain.map(|domain| domain + "/").unwrap_or_default();
            let text = format!("{domain}{path}{}", tag.as_ref().map(|tag| format!(":{tag}")).unwrap_or_default());
            let reference: Reference = text.parse().unwrap();
            prop_assert_eq!(reference.tag(), Some(tag.as_deref().unwrap_or("latest")));
            prop_assert_eq!(reference.to_string().parse::<Reference>().unwrap(), reference);
        }
    }
}

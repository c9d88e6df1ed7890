//! Manifests, indexes and the older `manifest.json` of `docker save`. Sources: OCI image spec, `manifest.md`,
//! `image-index.md`, `annotations.md`; Docker image specification v1.2.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::digest::Digest;
use super::error::ImageError;
use super::stream::Compression;

/// Largest manifest, index or configuration, in bytes: what registries accept (distribution spec, "Pushing Manifests").
pub(super) const MAX_DOCUMENT_BYTES: u64 = 4 * 1024 * 1024;

/// Media type of a manifest.
pub(super) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Media type of an index.
pub(super) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// Media type of an image's configuration.
pub(super) const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Annotation with the whole name, by Docker and containerd.
pub(super) const FULL_NAME: &str = "io.containerd.image.name";

/// Annotation with a name or only a tag.
pub(super) const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// One image: its configuration and layers, base first.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Manifest {
    pub(super) schema_version: u32,
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(super) media_type: String,
    pub(super) config: Descriptor,
    pub(super) layers: Vec<Descriptor>,
}

/// Several manifests: of one image for several platforms, or of several images.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Index {
    pub(super) manifests: Vec<Descriptor>,
}

/// What is behind a digest.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Descriptor {
    #[serde(default)]
    pub(super) media_type: String,
    pub(super) digest: Digest,
    pub(super) size: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) platform: Option<Platform>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) annotations: Option<BTreeMap<String, String>>,
}

/// What an image runs on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Platform {
    pub(super) architecture: String,
    pub(super) os: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) variant: Option<String>,
}

/// One image in the `manifest.json` of `docker save`; paths are those of the archive.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SavedImage {
    pub(super) config: String,
    #[serde(default)]
    pub(super) repo_tags: Option<Vec<String>>,
    pub(super) layers: Vec<String>,
}

impl Manifest {
    /// The manifest of an image that came without one.
    pub(super) fn new(config: Descriptor, layers: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: MANIFEST.into(), config, layers }
    }
}

impl Descriptor {
    /// A descriptor without annotations.
    pub(super) fn new(media_type: &str, digest: Digest, size: u64) -> Self {
        Self { media_type: media_type.into(), digest, size, platform: None, annotations: None }
    }

    /// Whether an index is behind it.
    pub(super) fn is_index(&self) -> bool {
        matches!(
            self.media_type.as_str(),
            INDEX | "application/vnd.docker.distribution.manifest.list.v2+json"
        )
    }

    /// The image's name, when an annotation gives more than a tag.
    pub(super) fn name(&self) -> Option<&str> {
        let annotations = self.annotations.as_ref()?;
        let name = annotations.get(FULL_NAME).or_else(|| annotations.get(REF_NAME))?;
        name.contains([':', '/']).then_some(name)
    }
}

impl Platform {
    /// The platform of this machine, by the names that images use.
    pub(super) fn here() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            other => other,
        };
        Self { architecture: architecture.into(), os: "linux".into(), variant: None }
    }

    /// Whether an image for `offered` is what was asked for: any variant where none was named.
    pub(super) fn takes(&self, offered: &Self) -> bool {
        self.os == offered.os
            && self.architecture == offered.architecture
            && (self.variant.is_none() || self.variant() == offered.variant())
    }

    /// 64-bit ARM has a first variant, which is often left out.
    fn variant(&self) -> Option<&str> {
        match (self.architecture.as_str(), self.variant.as_deref()) {
            ("arm64", None) => Some("v8"),
            (_, variant) => variant,
        }
    }
}

impl std::str::FromStr for Platform {
    type Err = ImageError;

    /// Reads `os/architecture[/variant]`.
    fn from_str(text: &str) -> Result<Self, ImageError> {
        let bad = || ImageError::BadPlatform(text.chars().take(64).collect());
        let is_word = |word: &&str| {
            !word.is_empty() && word.len() <= 32 && word.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let words: Vec<&str> = text.split('/').collect();
        if !words.iter().all(is_word) {
            return Err(bad());
        }
        let platform = |os: &str, architecture: &str, variant: Option<&str>| Self {
            os: os.to_ascii_lowercase(),
            architecture: match architecture.to_ascii_lowercase().as_str() {
                "x86_64" => "amd64".into(),
                "aarch64" => "arm64".into(),
                other => other.into(),
            },
            variant: variant.map(str::to_ascii_lowercase),
        };
        match words[..] {
            [os, architecture] => Ok(platform(os, architecture, None)),
            [os, architecture, variant] => Ok(platform(os, architecture, Some(variant))),
            _ => Err(bad()),
        }
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        self.variant.iter().try_for_each(|variant| write!(f, "/{variant}"))
    }
}

/// The media type of a layer.
pub(super) fn layer_media_type(compression: Compression) -> &'static str {
    match compression {
        Compression::None => "application/vnd.oci.image.layer.v1.tar",
        Compression::Gzip => "application/vnd.oci.image.layer.v1.tar+gzip",
        Compression::Zstd => "application/vnd.oci.image.layer.v1.tar+zstd",
    }
}

/// Whether a blob of that media type is a layer. Docker's layers of Windows, which live elsewhere, are none.
pub(super) fn is_layer(media_type: &str) -> bool {
    let kinds = [
        "application/vnd.oci.image.layer.v1.tar",
        "application/vnd.oci.image.layer.nondistributable.v1.tar",
        "application/vnd.docker.image.rootfs.diff.tar",
    ];
    kinds
        .iter()
        .filter_map(|kind| media_type.strip_prefix(kind))
        .any(|compression| matches!(compression, "" | "+gzip" | "+zstd" | ".gzip" | ".zstd"))
}

/// Reads a JSON document of an archive; `what` names it in the error.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, ImageError> {
    serde_json::from_slice(bytes)
        .map_err(|error| ImageError::BadArchive(format!("{what} is malformed: {error}")))
}

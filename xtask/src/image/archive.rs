//! An archive with one image that everyone can read: an OCI image layout, and `manifest.json` for those who know only
//! that (OCI image spec, `image-layout.md`; Docker image specification v1.2).

use std::env::consts::ARCH;
use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tar::{Builder, EntryType, Header};

use super::layer::Layer;
use crate::stamp::hex;

/// What goes into the archive.
pub(super) struct Image<'a> {
    /// `REPOSITORY:TAG`.
    pub(super) name: &'a str,
    pub(super) config: Value,
    /// Base first.
    pub(super) layers: &'a [Layer],
}

/// Writes it: the same bytes for the same image.
///
/// # Errors
/// When the archive cannot be written.
pub(super) fn write(image: &Image<'_>, output: &Path) -> Result<()> {
    let config = serde_json::to_vec(&image.config)?;
    let layers: Vec<_> =
        image.layers.iter().map(|layer| descriptor(LAYER, &layer.digest, layer.bytes)).collect();
    let manifest = serde_json::to_vec(&json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor(CONFIG, &digest(&config), config.len() as u64),
        "layers": layers,
    }))?;
    let mut index = descriptor(MANIFEST, &digest(&manifest), manifest.len() as u64);
    index["platform"] = json!({ "architecture": architecture(), "os": "linux" });
    index["annotations"] = json!({ "org.opencontainers.image.ref.name": image.name });
    let index = json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": [index] });
    let files: Vec<_> = image.layers.iter().map(|layer| blob(&layer.digest)).collect();
    let saved = json!([{ "Config": blob(&digest(&config)), "RepoTags": [image.name], "Layers": files }]);

    let mut archive = Builder::new(File::create(output)?);
    append(&mut archive, "oci-layout", &mut &br#"{"imageLayoutVersion":"1.0.0"}"#[..], 30)?;
    for (name, document) in [("index.json", index), ("manifest.json", saved)] {
        let text = serde_json::to_vec(&document)?;
        append(&mut archive, name, &mut &text[..], text.len() as u64)?;
    }
    for document in [&manifest, &config] {
        append(&mut archive, &blob(&digest(document)), &mut &document[..], document.len() as u64)?;
    }
    for layer in image.layers {
        let mut file = BufReader::new(&layer.file);
        file.seek(SeekFrom::Start(0))?;
        append(&mut archive, &blob(&layer.digest), &mut file, layer.bytes)?;
    }
    archive.into_inner()?.sync_all()?;
    Ok(())
}

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIG: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// This machine's architecture as images name it.
pub(super) fn architecture() -> &'static str {
    match ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

fn digest(document: &[u8]) -> String {
    format!("sha256:{}", hex(&Sha256::digest(document)))
}

fn blob(digest: &str) -> String {
    format!("blobs/{}", digest.replace(':', "/"))
}

fn descriptor(media_type: &str, digest: &str, size: u64) -> Value {
    json!({ "mediaType": media_type, "digest": digest, "size": size })
}

fn append<W: Write>(archive: &mut Builder<W>, path: &str, content: &mut impl Read, size: u64) -> Result<()> {
    let mut header = Header::new_ustar();
    header.set_entry_type(EntryType::Regular);
    header.set_mode(0o644);
    header.set_size(size);
    header.set_mtime(0);
    header.set_uid(0);
    header.set_gid(0);
    Ok(archive.append_data(&mut header, path, content)?)
}

//! Makes an image of what a container wrote: one more layer on its own image, and a configuration that says how it ran.

use std::fs::File;
use std::io;
use std::sync::Arc;

use flate2::Compression as Level;
use flate2::write::GzEncoder;
use porthole_protocol::image::CommitRequest;
use porthole_protocol::limits::MAX_LAYERS;
use porthole_protocol::spec::ProcessSpec;
use serde_json::{Map, Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::task::spawn_blocking;

use super::candidate::{Candidate, Source, Spooled};
use super::config::ImageConfig;
use super::digest::{Digest, Hashing};
use super::error::ImageError;
use super::instruction;
use super::manifest::{self, CONFIG, Descriptor, Manifest, layer_media_type};
use super::reference::Reference;
use super::store::{Partial, Store};
use super::stream::Compression;
use super::{Image, Images};
use crate::work::asking::{Running, joined, read_head};

/// Bytes of an archive of nothing: its end mark. A container that wrote nothing adds no layer.
const EMPTY_ARCHIVE: [u8; 1024] = [0; 1024];

/// Fast rather than small: a person waits, and a push is rarer.
const LEVEL: u32 = 1;

/// What is read from a worker at a time, in bytes.
const BUFFER_BYTES: usize = 256 * 1024;

/// Keys of a configuration that instructions change; every other one stays as it was.
const CHANGED_KEYS: [&str; 9] =
    ["User", "ExposedPorts", "Env", "Entrypoint", "Cmd", "Volumes", "WorkingDir", "Labels", "StopSignal"];

/// What a container's writable layer was packed to.
struct Packed {
    layer: Spooled,
    diff_id: Digest,
    partial: Partial,
}

impl Images {
    /// Adds an image made of `base` and the layer that `packing` writes. As `docker commit` does, it takes the command,
    /// the environment, the user and the working directory that the container ran with for its own.
    ///
    /// # Errors
    /// Any but those of lookup and removal. Nothing is left behind then, nor when the future is dropped.
    pub(crate) async fn commit(
        &self,
        base: &Image,
        ran: &ProcessSpec,
        request: &CommitRequest,
        packing: impl Future<Output = Result<Running, ImageError>>,
    ) -> Result<Arc<Image>, ImageError> {
        let name = request.name.as_deref().map(Reference::parse_name).transpose()?;
        let mut config = base.config.clone();
        take_over(ran, &mut config);
        let created_by = config.cmd.join(" ");
        instruction::apply(&request.changes, &mut config).map_err(ImageError::BadChange)?;
        // The container may be removed meanwhile, and then its image.
        let relied_on = base.layers.iter().map(|layer| layer.diff_id.clone());
        let _pinned = self.shared.pins.pin(relied_on.chain(base.blobs.iter().cloned()));
        let (base_manifest, base_config) = (base.manifest.clone(), base.id.clone());
        let read = move |store: &Store| {
            let manifest: Manifest = manifest::parse(&store.read(&base_manifest)?, "a manifest")?;
            let config: Value = manifest::parse(&store.read(&base_config)?, "an image's configuration")?;
            Ok((manifest, config, store.partial()?))
        };
        let (manifest, document, partial) = self.shared.blocking(read).await?;
        let (output, mut done) = packing.await?.into_parts();
        let compressing = spawn_blocking(move || compress(output, partial)).await;
        // Why the packing failed says more than how its output ended.
        joined(&mut done).await?;
        let packed =
            compressing.map_err(io::Error::other).map_err(ImageError::store("packing a layer"))??;
        let made = Made { config: &config, created_by: &created_by, request };
        let names = name.iter().map(ToString::to_string).collect();
        let (candidate, partial) = made.candidate(manifest, document, names, packed)?;
        let mut added = self.add(vec![candidate], partial).await?;
        Ok(added.pop().expect("one candidate becomes one image"))
    }
}

/// Sets what the container was launched with.
fn take_over(ran: &ProcessSpec, config: &mut ImageConfig) {
    if !ran.command.is_empty() {
        config.cmd.clone_from(&ran.command);
    }
    for (key, value) in ran.env.iter().filter_map(|entry| entry.split_once('=')) {
        instruction::set_env(&mut config.env, key, value);
    }
    if let Some(user) = &ran.user {
        config.user.clone_from(user);
    }
    if let Some(workdir) = &ran.workdir {
        config.working_dir.clone_from(workdir);
    }
}

/// Compresses an archive into a partial file, and tells both digests.
fn compress(output: File, mut partial: Partial) -> Result<Packed, ImageError> {
    let failed = |error| ImageError::store("packing a layer")(error);
    let mut output = io::BufReader::with_capacity(BUFFER_BYTES, output);
    read_head::<()>(&mut output).map_err(failed)?;
    let (path, file) = partial.create()?;
    let mut plain = Hashing::new(output);
    let mut encoder = GzEncoder::new(Hashing::new(io::BufWriter::new(file)), Level::new(LEVEL));
    io::copy(&mut plain, &mut encoder).map_err(failed)?;
    let mut compressed = encoder.finish().map_err(failed)?;
    io::Write::flush(&mut compressed).map_err(failed)?;
    let (digest, bytes) = compressed.finish();
    let (diff_id, _) = plain.finish();
    Ok(Packed { layer: Spooled { digest, bytes, file: path }, diff_id, partial })
}

/// An image that is being made.
struct Made<'a> {
    config: &'a ImageConfig,
    /// The command that the container ran.
    created_by: &'a str,
    request: &'a CommitRequest,
}

impl Made<'_> {
    fn candidate(
        &self,
        mut manifest: Manifest,
        mut document: Value,
        names: Vec<String>,
        packed: Packed,
    ) -> Result<(Candidate, Partial), ImageError> {
        let Packed { layer, diff_id, mut partial } = packed;
        let is_empty = diff_id == Digest::of(&EMPTY_ARCHIVE);
        self.describe(&mut document, (!is_empty).then_some(&diff_id))
            .ok_or_else(|| ImageError::BadArchive("the configuration of its image is malformed".into()))?;
        let config = json_of(&document);
        if !is_empty {
            let kind = layer_media_type(Compression::Gzip);
            manifest.layers.push(Descriptor::new(kind, layer.digest.clone(), layer.bytes));
        }
        if manifest.layers.len() > MAX_LAYERS {
            return Err(ImageError::TooLarge(format!("it would have more than {MAX_LAYERS} layers")));
        }
        for known in &mut manifest.layers {
            known.media_type = oci(&known.media_type).to_owned();
        }
        let config_descriptor = Descriptor::new(CONFIG, Digest::of(&config), config.len() as u64);
        let manifest = Manifest::new(config_descriptor, manifest.layers);
        let manifest_file = partial.write(&json_of(&manifest))?;
        let config_file = partial.write(&config)?;
        let mut files = vec![manifest_file.clone(), config_file];
        let mut layers = Vec::new();
        if !is_empty {
            layers.push(Source { diff_id, file: layer.file.clone() });
            files.push((layer.digest, layer.file));
        }
        let config = manifest::parse(&config, "an image's configuration")?;
        let candidate =
            Candidate { manifest_digest: manifest_file.0, manifest, config, names, layers, files };
        Ok((candidate, partial))
    }

    /// Writes the new image's part into its base's configuration; none when that is not of the right shape.
    fn describe(&self, document: &mut Value, diff_id: Option<&Digest>) -> Option<()> {
        let now = json!(OffsetDateTime::now_utc().format(&Rfc3339).ok()?);
        let document = document.as_object_mut()?;
        document.insert("created".into(), now.clone());
        let CommitRequest { author, message, .. } = self.request;
        if !author.is_empty() {
            document.insert("author".into(), json!(author));
        }
        let mut step = Map::new();
        step.insert("created".into(), now);
        step.insert("created_by".into(), json!(self.created_by));
        for (key, text) in [("author", author), ("comment", message)] {
            if !text.is_empty() {
                step.insert(key.into(), json!(text));
            }
        }
        match diff_id {
            Some(diff_id) => {
                document.get_mut("rootfs")?.get_mut("diff_ids")?.as_array_mut()?.push(json!(diff_id));
            }
            None => drop(step.insert("empty_layer".into(), json!(true))),
        }
        list_in(document, "history")?.push(Value::Object(step));
        let config = object_in(document, "config")?;
        let new = serde_json::to_value(self.config).ok()?;
        for key in CHANGED_KEYS {
            match new.get(key) {
                Some(value) => drop(config.insert(key.into(), value.clone())),
                None => drop(config.remove(key)),
            }
        }
        Some(())
    }
}

/// A list by that key, made when there is none. Go writes an empty one as `null`.
fn list_in<'a>(document: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Vec<Value>> {
    let value = document.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!([]);
    }
    value.as_array_mut()
}

fn object_in<'a>(document: &'a mut Map<String, Value>, key: &str) -> Option<&'a mut Map<String, Value>> {
    let value = document.entry(key).or_insert(Value::Null);
    if value.is_null() {
        *value = json!({});
    }
    value.as_object_mut()
}

/// The name that the OCI specification has for a layer's media type: one manifest does not mix both families.
fn oci(media_type: &str) -> &str {
    match media_type {
        "application/vnd.docker.image.rootfs.diff.tar.gzip" => layer_media_type(Compression::Gzip),
        "application/vnd.docker.image.rootfs.diff.tar.zstd" => layer_media_type(Compression::Zstd),
        "application/vnd.docker.image.rootfs.diff.tar" => layer_media_type(Compression::None),
        other => other,
    }
}

fn json_of(document: &impl serde::Serialize) -> Vec<u8> {
    serde_json::to_vec(document).expect("documents consist of texts, numbers, lists and maps with text keys")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(request: &CommitRequest, diff_id: Option<&Digest>) -> Value {
        let mut document = json!({
            "architecture": "amd64", "os": "linux", "variant": "v9", "config": {
                "Env": ["PATH=/bin"], "Cmd": ["sh"], "Healthcheck": {"Test": ["CMD", "true"]}, "Shell": ["ash"],
            },
            "rootfs": {"type": "layers", "diff_ids": [Digest::of(b"base")]}, "history": null,
        });
        let ran = ProcessSpec {
            command: vec!["sh".into(), "-c".into(), "true".into()],
            env: vec!["A=1".into()],
            ..ProcessSpec::default()
        };
        let base = json!({"Env": ["PATH=/bin"], "Cmd": ["sh"]});
        let mut config: ImageConfig = serde_json::from_value(base).unwrap();
        take_over(&ran, &mut config);
        instruction::apply(&request.changes, &mut config).unwrap();
        Made { config: &config, created_by: "sh -c true", request }.describe(&mut document, diff_id).unwrap();
        document
    }

    #[test]
    fn what_is_not_changed_of_a_configuration_is_kept() {
        let request = CommitRequest {
            message: "a remark".into(),
            changes: vec!["USER web".into(), "ENTRYPOINT [\"x\"]".into()],
            ..CommitRequest::default()
        };
        let layer = Digest::of(b"layer");
        let document = described(&request, Some(&layer));
        assert_eq!(document["variant"], "v9");
        let config = &document["config"];
        assert_eq!((&config["Healthcheck"]["Test"][0], &config["Shell"][0]), (&json!("CMD"), &json!("ash")));
        assert_eq!((&config["Env"], &config["User"]), (&json!(["PATH=/bin", "A=1"]), &json!("web")));
        assert!(config.get("Cmd").is_none(), "{config}");
        assert_eq!(document["rootfs"]["diff_ids"], json!([Digest::of(b"base"), layer]));
        let step = &document["history"][0];
        assert_eq!((&step["created_by"], &step["comment"]), (&json!("sh -c true"), &json!("a remark")));
        assert!(step.get("empty_layer").is_none() && step.get("author").is_none());
    }

    #[test]
    fn a_container_that_wrote_nothing_adds_a_step_and_no_layer() {
        let document = described(&CommitRequest::default(), None);
        assert_eq!(document["rootfs"]["diff_ids"].as_array().unwrap().len(), 1);
        assert_eq!(document["history"][0]["empty_layer"], true);
        assert_eq!(document["config"]["Cmd"], json!(["sh", "-c", "true"]));
    }
}

//! Archives of whole images, in each form that tools write.

use porthole::image::Digest;
use serde_json::{Value, json};

use super::craft::Craft;

/// An image to put into an archive: its configuration and its layers, base first, each as stored and uncompressed.
#[derive(Clone)]
pub struct Made {
    pub config: Value,
    pub layers: Vec<Vec<u8>>,
}

impl Made {
    /// An image of these layers, none of them compressed.
    pub fn of(layers: &[&[u8]]) -> Self {
        let diff_ids: Vec<_> = layers.iter().map(|layer| Digest::of(layer)).collect();
        let config = json!({
            "created": "2024-02-03T04:05:06.789+01:00",
            "architecture": if cfg!(target_arch = "x86_64") { "amd64" } else { "arm64" },
            "os": "linux",
            "config": { "Cmd": ["sh"], "Env": null, "Entrypoint": null, "User": "web", "WorkingDir": "srv/../data" },
            "rootfs": { "type": "layers", "diff_ids": diff_ids },
            "history": [
                { "created_by": "ADD base" },
                { "created_by": "ENV x", "empty_layer": true },
                { "created_by": "RUN something" },
            ],
        });
        Self { config, layers: layers.iter().map(|layer| layer.to_vec()).collect() }
    }

    pub fn config_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(&self.config).unwrap()
    }

    pub fn manifest(&self) -> Value {
        let describe = |bytes: &[u8], kind: &str| json!({ "mediaType": format!("application/vnd.oci.image.{kind}"), "digest": Digest::of(bytes), "size": bytes.len() });
        let layers: Vec<_> = self.layers.iter().map(|layer| describe(layer, "layer.v1.tar")).collect();
        json!({ "schemaVersion": 2, "config": describe(&self.config_bytes(), "config.v1+json"), "layers": layers })
    }
}

/// A layer with these files.
pub fn layer(files: &[(&str, &str)]) -> Vec<u8> {
    files.iter().fold(Craft::new(), |craft, (path, text)| craft.file(path, text.as_bytes())).end()
}

/// What `docker save` wrote before Docker 25: a directory for each layer; one that comes again is a link.
pub fn docker_old(images: &[(&Made, &[&str])]) -> Vec<u8> {
    let mut craft = Craft::new();
    let mut manifest = Vec::new();
    let mut first: Vec<(Vec<u8>, String)> = Vec::new();
    for (n, (made, tags)) in images.iter().enumerate() {
        let config = format!("{}.json", Digest::of(&made.config_bytes()).hex());
        let mut layers = Vec::new();
        for (m, layer) in made.layers.iter().enumerate() {
            let name = Digest::of(format!("{n} {m}").as_bytes()).hex().to_owned();
            craft = craft.dir(&format!("{name}/")).file(&format!("{name}/VERSION"), b"1.0");
            let path = format!("{name}/layer.tar");
            craft = match first.iter().find(|(known, _)| known == layer) {
                Some((_, known)) => craft.symlink(&path, &format!("../{known}/layer.tar")),
                None => craft.file(&path, layer),
            };
            first.push((layer.clone(), name));
            layers.push(path);
        }
        craft = craft.file(&config, &made.config_bytes());
        manifest.push(json!({ "Config": config, "RepoTags": tags, "Layers": layers }));
    }
    craft.file("manifest.json", &serde_json::to_vec(&manifest).unwrap()).file("repositories", b"{}").end()
}

/// An OCI image layout with this index.
pub fn layout(blobs: &[&[u8]], index: &Value) -> Craft {
    let craft = Craft::new()
        .file("oci-layout", br#"{"imageLayoutVersion":"1.0.0"}"#)
        .dir("blobs/")
        .dir("blobs/sha256/");
    let mut craft = craft.file("index.json", &serde_json::to_vec(index).unwrap());
    let mut known = Vec::new();
    for blob in blobs {
        let digest = Digest::of(blob);
        if !known.contains(&digest) {
            craft = craft.file(&format!("blobs/sha256/{}", digest.hex()), blob);
            known.push(digest);
        }
    }
    craft
}

/// The descriptor of a document.
pub fn descriptor(document: &Value, media_type: &str, more: &Value) -> Value {
    let bytes = serde_json::to_vec(document).unwrap();
    let mut descriptor =
        json!({ "mediaType": media_type, "digest": Digest::of(&bytes), "size": bytes.len() });
    for (key, value) in more.as_object().unwrap() {
        descriptor[key] = value.clone();
    }
    descriptor
}

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// An OCI image layout of one image, by this name.
pub fn oci(made: &Made, name: &str) -> Craft {
    let manifest = made.manifest();
    let annotations = json!({ "annotations": { "org.opencontainers.image.ref.name": name } });
    let index = json!({ "schemaVersion": 2, "manifests": [descriptor(&manifest, MANIFEST, &annotations)] });
    let (manifest, config) = (serde_json::to_vec(&manifest).unwrap(), made.config_bytes());
    let mut blobs: Vec<&[u8]> = vec![&manifest, &config];
    blobs.extend(made.layers.iter().map(Vec::as_slice));
    layout(&blobs, &index)
}

//! Images made for a test: busybox with another configuration, and files of the test's own on top.

use std::io::Read;

use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::Agent;

/// Members of a tar archive by name, in their order.
pub fn members(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
    let read = |entry: std::io::Result<tar::Entry<'_, &[u8]>>| {
        let mut entry = entry.unwrap();
        let mut body = Vec::new();
        entry.read_to_end(&mut body).unwrap();
        (entry.path().unwrap().display().to_string(), body)
    };
    tar::Archive::new(archive).entries().unwrap().map(read).collect()
}

/// An archive of these files; one whose name ends with a slash is a directory of user and group 7.
pub fn archive(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for (name, body) in files {
        let mut header = tar::Header::new_ustar();
        header.set_mode(0o755);
        header.set_size(body.len() as u64);
        if name.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            header.set_uid(7);
            header.set_gid(7);
        }
        archive.append_data(&mut header, name, *body).unwrap();
    }
    archive.into_inner().unwrap()
}

/// The archive of an image `name`: the one that was saved alone, with another configuration and one more layer.
pub fn image(saved: &[u8], name: &str, config: &Value, top: &[u8]) -> Vec<u8> {
    let (mut document, base) = documents(saved);
    document["config"] = config.clone();
    let hex: String = Sha256::digest(top).iter().map(|byte| format!("{byte:02x}")).collect();
    document["rootfs"]["diff_ids"].as_array_mut().unwrap().push(json!(format!("sha256:{hex}")));
    let manifest =
        json!([{ "Config": "config.json", "RepoTags": [name], "Layers": ["base.tar", "top.tar"] }]);
    archive(&[
        ("config.json", document.to_string().as_bytes()),
        ("base.tar", &base),
        ("top.tar", top),
        ("manifest.json", manifest.to_string().as_bytes()),
    ])
}

/// Configuration and only layer of the image that was saved alone.
pub fn documents(saved: &[u8]) -> (Value, Vec<u8>) {
    let saved = members(saved);
    let find = |path: &Value| &saved.iter().find(|(name, _)| name == path.as_str().unwrap()).unwrap().1;
    let index: Value = serde_json::from_slice(find(&json!("manifest.json"))).unwrap();
    let config = serde_json::from_slice(find(&index[0]["Config"])).unwrap();
    (config, find(&index[0]["Layers"][0]).clone())
}

/// Adds the image `name`: busybox with `config` and these files.
pub async fn load(agent: &Agent, name: &str, config: &Value, files: &[(&str, &[u8])]) {
    let busybox = agent.get_bytes("/images/save?name=busybox").await;
    let image = image(&busybox, name, config, &archive(files));
    let loaded = agent.request("POST", "/api/v1/images/load", &[], &image).await;
    assert_eq!(loaded.status, 200, "{}", String::from_utf8_lossy(&loaded.body));
}

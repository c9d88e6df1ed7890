//! What registries are shown to let one in, from where Docker and Podman keep it: their files, and the programs these name.
//!
//! The agent never reads these files and never starts these programs; it is lent what one transfer needs, and only where
//! the way to it can be trusted. Sources: `docker-login(1)`, "Credential stores"; `containers-auth.json(5)`.

mod file;
mod helper;

use std::env;
use std::ffi::OsString;
use std::io::ErrorKind;
use std::path::PathBuf;

use porthole_protocol::image::Credentials;

use super::address::Address;
use super::failure::{reason, warn};
use file::{AuthFile, Kept};

/// The registry of a name that says none.
const DEFAULT_REGISTRY: &str = "docker.io";

/// What may be lent to this agent for this image; none when there is nothing, or the way to the agent is open.
pub(super) async fn lent(agent: &Address, image: &str) -> Option<Credentials> {
    let repository = repository(image);
    let found = find(&repository).await?;
    if agent.is_trusted() {
        return Some(found);
    }
    warn(
        "The credentials for the registry are not sent: the agent is on another machine and demands no token.",
        "Start it with a token, or reach it through a tunnel that ends on this machine.",
    );
    None
}

async fn find(repository: &str) -> Option<Credentials> {
    for path in places(|name| env::var_os(name)) {
        let Some(file) = read(&path).await else { continue };
        for kept in file.kept_for(repository) {
            match kept {
                Kept::Here(credentials) => return Some(credentials),
                Kept::By { helper, server } => match helper::ask(&helper, &server).await {
                    Ok(None) => {}
                    Ok(found) => return found,
                    Err(error) => warn(&error.to_string(), "Going on without these credentials."),
                },
            }
        }
    }
    None
}

/// Where credentials may be kept, in the order in which they are asked: `REGISTRY_AUTH_FILE`, Docker's, Podman's.
fn places(variable: impl Fn(&str) -> Option<OsString>) -> Vec<PathBuf> {
    let path = |name: &str| variable(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = path("HOME");
    let docker = path("DOCKER_CONFIG").or_else(|| Some(home.as_ref()?.join(".docker")));
    let config = path("XDG_CONFIG_HOME").or_else(|| Some(home.as_ref()?.join(".config")));
    [
        path("REGISTRY_AUTH_FILE"),
        docker.map(|directory| directory.join("config.json")),
        path("XDG_RUNTIME_DIR").map(|directory| directory.join("containers/auth.json")),
        config.map(|directory| directory.join("containers/auth.json")),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Reads a file that need not be there; one that is broken is told and passed over.
async fn read(path: &std::path::Path) -> Option<AuthFile> {
    let why = match tokio::fs::read(path).await {
        Ok(text) => match AuthFile::parse(&text) {
            Ok(file) => return Some(file),
            // serde_json's words may quote the file, and with it a secret; its place does not.
            Err(error) => {
                format!("line {}, column {} is not what belongs there", error.line(), error.column())
            }
        },
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return None,
        Err(error) => reason(&error),
    };
    warn(
        &format!("The credentials in '{}' cannot be read: {why}.", path.display()),
        "Going on without them.",
    );
    None
}

/// The domain and path of an image's name, without tag and digest; `docker.io` and `library` filled in.
fn repository(image: &str) -> String {
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let name = match name.rfind(':') {
        Some(colon) if !name[colon..].contains('/') => &name[..colon],
        _ => name,
    };
    match name.split_once('/') {
        Some((first, _)) if first == "localhost" || first.contains(['.', ':']) => file::normalised(name),
        Some(_) => format!("{DEFAULT_REGISTRY}/{name}"),
        None => format!("{DEFAULT_REGISTRY}/library/{name}"),
    }
}

/// `a/b/c`, `a/b`, `a`: Podman keeps credentials for parts of a registry too, and the most exact ones count.
fn prefixes(repository: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(repository), |longer| Some(longer.rsplit_once('/')?.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_to_their_registry() {
        assert_eq!(repository("busybox"), "docker.io/library/busybox");
        assert_eq!(repository("me/tool:1"), "docker.io/me/tool");
        assert_eq!(repository("index.docker.io/me/tool"), "docker.io/me/tool");
        assert_eq!(repository("ghcr.io/a/b@sha256:00"), "ghcr.io/a/b");
        assert_eq!(repository("localhost:5000/a:1"), "localhost:5000/a");
        assert_eq!(repository("localhost/a"), "localhost/a");
        assert_eq!(prefixes("ghcr.io/a/b").collect::<Vec<_>>(), ["ghcr.io/a/b", "ghcr.io/a", "ghcr.io"]);
    }

    #[test]
    fn the_files_are_sought_where_docker_and_podman_keep_them() {
        let places = |set: &[(&str, &str)]| {
            let set: Vec<(String, OsString)> =
                set.iter().map(|(name, value)| ((*name).to_owned(), value.into())).collect();
            let found =
                places(|name| set.iter().find(|(own, _)| own == name).map(|(_, value)| value.clone()));
            found.iter().map(|path| path.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(places(&[("HOME", "/h")]), ["/h/.docker/config.json", "/h/.config/containers/auth.json"]);
        assert_eq!(
            places(&[
                ("HOME", "/h"),
                ("DOCKER_CONFIG", "/d"),
                ("XDG_RUNTIME_DIR", "/r"),
                ("REGISTRY_AUTH_FILE", "/a")
            ]),
            ["/a", "/d/config.json", "/r/containers/auth.json", "/h/.config/containers/auth.json"]
        );
        assert!(places(&[("HOME", "")]).is_empty());
    }
}

//! Other engines and a registry, and what networks are made with: for the tests.

use std::path::Path;

use super::debian::{Package, ensure};
use crate::workspace::find_program;

/// Installs those that are missing. Where that cannot be done it says so and goes on: the tests that need one skip.
pub fn ensure_peers() {
    let peers = [
        Package {
            name: "nftables",
            purpose: "networks of containers",
            present: || Path::new("/usr/sbin/nft").is_file() || find_program("nft").is_some(),
        },
        Package {
            name: "iproute2",
            purpose: "the world that networks are tested in",
            present: || Path::new("/usr/sbin/ip").is_file() || find_program("ip").is_some(),
        },
        Package {
            name: "docker-registry",
            purpose: "a registry to pull from and push to",
            present: || find_program("docker-registry").is_some(),
        },
        Package {
            name: "skopeo",
            purpose: "filling the registry",
            present: || find_program("skopeo").is_some(),
        },
        Package {
            name: "umoci",
            purpose: "making and unpacking image layouts",
            present: || find_program("umoci").is_some(),
        },
        Package {
            name: "podman",
            purpose: "exchanging images with it",
            present: || find_program("podman").is_some(),
        },
        Package {
            name: "docker.io",
            purpose: "exchanging images with it",
            present: || Path::new("/usr/sbin/dockerd").is_file() || find_program("dockerd").is_some(),
        },
    ];
    // One by one: what cannot be installed does not keep the others out.
    for peer in peers {
        if let Err(error) = ensure(&[peer]) {
            println!("  SKIPPED: the tests that need it. {error:#}");
        }
    }
}

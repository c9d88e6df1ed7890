//! Who may know whom: `frontend → shared ← agent → launcher → nothing of ours`.

use super::finding::Finding;
use super::source::Repository;

/// A package's manifest and what must not stand among its dependencies.
struct Direction {
    manifest: &'static str,
    forbidden: &'static [&'static str],
    sentence: &'static str,
}

const DIRECTIONS: [Direction; 7] = [
    Direction {
        manifest: "shared/Cargo.toml",
        forbidden: &["porthole", "porthole-launcher", "porthole-web", "tokio", "axum", "web-sys"],
        sentence: "shared holds types only: no IO, nothing of ours",
    },
    Direction {
        manifest: "launcher/Cargo.toml",
        forbidden: &["porthole", "porthole-protocol", "porthole-web", "porthole-init", "porthole-probe"],
        sentence: "the launcher knows nothing of ours",
    },
    Direction {
        manifest: "launcher/Cargo.toml",
        forbidden: &["tokio", "axum", "serde_json", "tar", "flate2"],
        sentence: "the launcher has one thread and parses no HTTP, no JSON, no archive",
    },
    Direction {
        manifest: "launcher/init/Cargo.toml",
        forbidden: &[
            "porthole",
            "porthole-protocol",
            "porthole-launcher",
            "porthole-web",
            "tokio",
            "axum",
            "serde_json",
        ],
        sentence: "process 1 of a container reaps and forwards signals, nothing else",
    },
    Direction {
        manifest: "launcher/probe/Cargo.toml",
        forbidden: &["porthole", "porthole-protocol", "porthole-launcher", "porthole-web", "tokio", "axum"],
        sentence: "the probe looks at the kernel alone, so that it cannot share our mistakes",
    },
    Direction {
        manifest: "frontend/Cargo.toml",
        forbidden: &["porthole", "porthole-launcher", "tokio", "axum", "nix", "rustix"],
        sentence: "the page knows only shared",
    },
    Direction {
        manifest: "agent/Cargo.toml",
        forbidden: &["porthole-web", "porthole-init", "porthole-probe"],
        sentence: "the agent knows shared and the launcher's client",
    },
];

/// The `[dependencies]` and `[build-dependencies]` of every manifest; what tests need is free.
pub(super) fn crates_keep_their_direction(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for direction in &DIRECTIONS {
        let Some(manifest) = repository.file(direction.manifest) else { continue };
        for (line, name) in dependencies(&manifest.text) {
            if direction.forbidden.contains(&name) {
                findings.push(Finding::new(
                    direction.manifest,
                    line,
                    format!("`{name}` has no place here: {}", direction.sentence),
                ));
            }
        }
    }
    findings
}

/// Names of a manifest's dependencies, except those for tests, each with its line.
fn dependencies(manifest: &str) -> Vec<(usize, &str)> {
    let mut listing = false;
    let mut names = Vec::new();
    for (index, line) in manifest.lines().enumerate() {
        if let Some(table) = line.strip_prefix('[') {
            let table = table.trim_end_matches(']');
            let table = table.rsplit_once('.').map_or((table, ""), |(head, tail)| (tail, head)).0;
            listing = matches!(table, "dependencies" | "build-dependencies");
        } else if listing {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') {
                names.push((index + 1, name));
            }
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_against_the_direction_is_found() {
        let launcher = "[package]\nname = \"l\"\n\n[dependencies]\nnix.workspace = true\n\
                        porthole-protocol = { path = \"../shared\" }\n\n[dev-dependencies]\nserde_json = \"1\"\n";
        let page = "[target.'cfg(unix)'.dependencies]\ntokio = \"1\"\n";
        let repository =
            Repository::sample(&[("launcher/Cargo.toml", launcher), ("frontend/Cargo.toml", page)]);
        let found: Vec<_> =
            crates_keep_their_direction(&repository).iter().map(|f| (f.path.clone(), f.line)).collect();
        assert_eq!(found, [("launcher/Cargo.toml".into(), 6), ("frontend/Cargo.toml".into(), 2)]);
    }
}

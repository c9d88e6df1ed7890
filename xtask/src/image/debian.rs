//! The Debian image for workshops: a small base, and on it the tools to look into a container with.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use serde_json::json;
use sha2::{Digest, Sha256};

use super::archive::{self, Image};
use super::layer::{self, Listing};
use crate::setup::{Package, ensure_packages};
use crate::stamp::hex;
use crate::step::{quietly, step};
use crate::workspace::{cache, find_program};

/// What the image is called.
pub(super) const NAME: &str = "debian:12";

const SUITE: &str = "bookworm";

/// Added to the base. All of Python, since its minimal form has no `http.server` and little else to show.
const TOOLS: &str = "procps,strace,python3,iproute2,less,vim-tiny";

/// The first release of this Debian, 2023-06-10, in seconds since 1970: nothing in the image is younger, so that one
/// state of the archive makes one image, whenever it is made (reproducible-builds.org, "SOURCE_DATE_EPOCH").
const EPOCH: (&str, &str) = ("1686355200", "2023-06-10T00:00:00Z");

/// What the base is made with. Merged /usr from the start spares the program that merges it, and with it Perl.
/// Documentation is left out, as in the small images of Debian itself, but for the licences.
pub(super) const BASE: [&str; 8] = [
    "--variant=minbase",
    "--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr",
    "--include=usr-is-merged",
    "--dpkgopt=path-exclude=/usr/share/doc/*",
    "--dpkgopt=path-include=/usr/share/doc/*/copyright",
    "--dpkgopt=path-exclude=/usr/share/info/*",
    "--dpkgopt=path-exclude=/usr/share/locale/*",
    "--dpkgopt=path-exclude=/usr/share/man/*",
];

/// What is done last: `vim` is what people type.
const FINISH: &str =
    "--customize-hook=chroot \"$1\" update-alternatives --install /usr/bin/vim vim /usr/bin/vim.tiny 1";

/// Where Debian's own images look for programs.
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

const LANG: &str = "LANG=C.UTF-8";

/// The archive, made unless this recipe was followed before.
///
/// # Errors
/// When a program is missing and cannot be installed, or Debian's archive cannot be reached.
pub(super) fn ensure() -> Result<PathBuf> {
    let path = cache()?.join("images").join(format!("debian-12-{}.tar", recipe()));
    if path.is_file() {
        return Ok(path);
    }
    ensure_tools()?;
    let dir = path.parent().expect("the archive lies in a folder");
    fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    let work = tempfile::Builder::new().prefix("making-").tempdir_in(dir)?;
    let (base, full) = (work.path().join("base.tar"), work.path().join("full.tar"));
    step("fetching Debian 12 (a minute)", || quietly(mmdebstrap(&BASE).arg(&base)))?;
    let tools = format!("--include={TOOLS}");
    let on_base = format!("--setup-hook=tar-in {} /", base.display());
    step(&format!("adding {}", TOOLS.replace(',', ", ")), || {
        quietly(mmdebstrap(&["--variant=custom", &on_base, &tools, FINISH]).arg(&full))
    })?;
    let unfinished = work.path().join("image.tar");
    step("packing two layers", || pack(&base, &full, &unfinished))?;
    fs::rename(&unfinished, &path)?;
    Ok(path)
}

/// Installs what the image is made with.
///
/// # Errors
/// When a program is missing and cannot be installed.
pub(super) fn ensure_tools() -> Result<()> {
    ensure_packages(&[
        Package {
            name: "mmdebstrap",
            purpose: "making a Debian image",
            present: || find_program("mmdebstrap").is_some(),
        },
        Package {
            name: "debian-archive-keyring",
            purpose: "the keys that Debian's packages are signed with",
            present: || Path::new("/usr/share/keyrings/debian-archive-keyring.gpg").is_file(),
        },
    ])
}

/// The options and the suite; what follows is the output.
pub(super) fn mmdebstrap(options: &[&str]) -> Command {
    let mut command = Command::new("mmdebstrap");
    command.args(options).args(["--format=tar", SUITE]).env("SOURCE_DATE_EPOCH", EPOCH.0);
    command
}

/// Names the recipe, in a few characters.
fn recipe() -> String {
    let (base, left_out) = (BASE.join(" "), layer::LEFT_OUT.join(" "));
    let words = [NAME, SUITE, TOOLS, EPOCH.0, FINISH, PATH, LANG, &base, &left_out];
    hex(&Sha256::digest(words.join("\n")))[..12].to_owned()
}

fn pack(base: &Path, full: &Path, output: &Path) -> Result<()> {
    let read = |path| File::open(path).with_context(|| format!("cannot read {path:?}"));
    let dir = output.parent().expect("the archive lies in a folder");
    let below = Listing::of(read(base)?)?;
    let layers =
        [layer::write(read(base)?, Listing::default(), dir)?, layer::write(read(full)?, below, dir)?];
    let (path, lang) = (PATH, LANG);
    let made =
        |by: String, empty: bool| json!({ "created": EPOCH.1, "created_by": by, "empty_layer": empty });
    let config = json!({
        "created": EPOCH.1,
        "architecture": archive::architecture(),
        "os": "linux",
        "config": {
            "Env": [path, lang],
            "Cmd": ["bash"],
            "Labels": {
                "org.opencontainers.image.title": "Debian 12 with tools to look into a container with",
                "org.opencontainers.image.version": "12",
            },
        },
        "rootfs": { "type": "layers", "diff_ids": layers.each_ref().map(|layer| &layer.diff_id) },
        "history": [
            made(format!("mmdebstrap --variant=minbase {SUITE}"), false),
            made(format!("apt-get install {}", TOOLS.replace(',', " ")), false),
            made(format!("ENV {path} {lang}"), true),
            made("CMD [\"bash\"]".into(), true),
        ],
    });
    archive::write(&Image { name: NAME, config, layers: &layers }, output)
}

//! What the agent runs with: arguments first, then the configuration file, then defaults.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use porthole_launcher::state::default_path;
use serde::Deserialize;

use crate::cli::{LogFormat, ServeArgs};
use crate::http::PreviewHost;
use crate::image::RegistrySettings;
use crate::recording::RecordPolicy;

mod limits;
mod visitors;

pub use limits::LimitSettings;
pub use visitors::{Extra, VisitorSettings};

/// Where the agent listens unless told otherwise: this machine only.
const DEFAULT_LISTEN: &str = "127.0.0.1:7070";

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {path}: {source}")]
    Read {
        /// Which.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not TOML, or has a setting that does not exist.
    #[error("{path} is not a configuration: {source}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// The cause; it names the line.
        source: Box<toml::de::Error>,
    },
    /// The state directory is relative and so is everything else.
    #[error("the current directory cannot be told: {0}")]
    NoCurrentDirectory(io::Error),
}

/// What the agent runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where to listen; port 0 for any that is free.
    pub listen: SocketAddr,
    /// The state directory, absolute.
    pub state: PathBuf,
    /// Host names to answer to beside loopback names and the address.
    pub hosts: Vec<String>,
    /// Names of previews; those below `localhost` when missing.
    pub preview_host: Option<PreviewHost>,
    /// How to write the log.
    pub log_format: LogFormat,
    /// Which registries images come from and go to.
    pub registries: RegistrySettings,
    /// What containers get, and when they wait.
    pub limits: LimitSettings,
    /// Whether somebody without the token may come, and what he gets.
    pub visitors: VisitorSettings,
    /// When terminals are recorded without being asked.
    pub record: RecordPolicy,
}

/// The configuration file: TOML with the names of the arguments, and the tables `registries`, `limits` and `visitors`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
struct File {
    listen: Option<SocketAddr>,
    state: Option<PathBuf>,
    host: Vec<String>,
    preview_host: Option<PreviewHost>,
    log_format: Option<LogFormat>,
    registries: RegistrySettings,
    limits: LimitSettings,
    visitors: VisitorSettings,
    record: RecordPolicy,
}

impl Config {
    /// Puts arguments, file and defaults together.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn load(args: ServeArgs) -> Result<Self, ConfigError> {
        let ServeArgs {
            listen,
            state,
            config,
            host,
            preview_host,
            default_lifetime,
            default_idle,
            visitors: invites,
            log_format,
        } = args;
        let file = config.map_or_else(|| Ok(File::default()), |path| read(&path))?;
        let mut limits = file.limits;
        let defaults = &mut limits.defaults;
        defaults.lifetime_ms = default_lifetime.or(defaults.lifetime_ms);
        defaults.idle_ms = default_idle.or(defaults.idle_ms);
        let visitors = VisitorSettings { enabled: invites || file.visitors.enabled, ..file.visitors };
        let state = state.or(file.state).unwrap_or_else(default_path);
        Ok(Self {
            listen: listen
                .or(file.listen)
                .unwrap_or_else(|| DEFAULT_LISTEN.parse().expect("it is an address")),
            state: std::path::absolute(state).map_err(ConfigError::NoCurrentDirectory)?,
            hosts: [host, file.host].concat(),
            preview_host: preview_host.or(file.preview_host),
            log_format: log_format.or(file.log_format).unwrap_or_default(),
            registries: file.registries,
            limits,
            visitors,
            record: file.record,
        })
    }

    /// The agent's own part of the state directory.
    #[must_use]
    pub fn agent_dir(&self) -> PathBuf {
        self.state.join("agent")
    }
}

fn read(path: &Path) -> Result<File, ConfigError> {
    let text =
        fs::read_to_string(path).map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
    toml::from_str(&text)
        .map_err(|source| ConfigError::Parse { path: path.to_owned(), source: Box::new(source) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn args(config: Option<PathBuf>) -> ServeArgs {
        ServeArgs {
            listen: None,
            state: Some("/s".into()),
            config,
            host: vec![],
            preview_host: None,
            default_lifetime: None,
            default_idle: Some(5000),
            visitors: false,
            log_format: None,
        }
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    #[test]
    fn arguments_come_before_the_file_and_the_file_before_defaults() {
        let file = file("listen = '[::1]:1'\nstate = '/f'\nhost = ['b']\nlog-format = 'json'\n");
        let mut args = args(Some(file.path().to_owned()));
        let config = Config::load(args.clone()).unwrap();
        assert_eq!((config.listen.to_string().as_str(), config.state.to_str()), ("[::1]:1", Some("/s")));
        assert_eq!((config.hosts, config.log_format), (vec!["b".to_owned()], LogFormat::Json));
        args.listen = Some("127.0.0.1:2".parse().unwrap());
        args.host = vec!["a".to_owned()];
        let config = Config::load(args).unwrap();
        assert_eq!((config.listen.port(), config.hosts), (2, vec!["a".to_owned(), "b".to_owned()]));
    }

    #[test]
    fn registries_are_a_table_of_the_file() {
        let file =
            file("listen = '[::1]:1'\n[registries]\nallow = ['docker.io']\nplain-http = ['lan:5000']\n");
        let registries = Config::load(args(Some(file.path().to_owned()))).unwrap().registries;
        assert_eq!(registries.allow, Some(vec!["docker.io".to_owned()]));
        assert!(registries.enabled && registries.plain_http == ["lan:5000"]);
        assert_eq!(Config::load(args(None)).unwrap().registries, RegistrySettings::default());
    }

    #[test]
    fn limits_are_a_table_of_the_file_and_two_of_them_arguments() {
        let file = file("[limits.defaults]\nlifetime = '8h'\nidle = '1h'\n");
        let limits = Config::load(args(Some(file.path().to_owned()))).unwrap().limits;
        assert_eq!((limits.defaults.lifetime_ms, limits.defaults.idle_ms), (Some(28_800_000), Some(5000)));
    }

    #[test]
    fn a_setting_that_does_not_exist_is_refused_with_its_line() {
        let file = file("\nlisten-on = '127.0.0.1:1'\n");
        let error = Config::load(args(Some(file.path().to_owned()))).unwrap_err().to_string();
        assert!(error.contains("line 2") && error.contains("listen-on"), "{error}");
    }
}

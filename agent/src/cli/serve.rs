//! `serve`: the arguments of the agent.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::units::parse_duration;
use crate::http::PreviewHost;

/// How the log is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line.
    Json,
}

/// Arguments of `serve`.
#[derive(Clone, Debug, Args)]
pub struct ServeArgs {
    /// Address to listen on; any but loopback demands a token [default: 127.0.0.1:7070].
    #[arg(long)]
    pub listen: Option<SocketAddr>,
    /// Directory of images and containers.
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
    /// File with the same settings.
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Further host name to answer to.
    #[arg(long, value_name = "NAME")]
    pub host: Vec<String>,
    /// Names of previews where 'localhost' does not reach, such as '*.preview.example.org'; 'https://' in front when a proxy
    /// adds it.
    #[arg(long, value_name = "PATTERN")]
    pub preview_host: Option<PreviewHost>,
    /// Stop containers after this time unless they ask for another; 0 for never [default: 0].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub default_lifetime: Option<u64>,
    /// Stop containers after this time without a client unless they ask for another; 0 for never [default: 0].
    #[arg(long, value_name = "TIME", value_parser = parse_duration)]
    pub default_idle: Option<u64>,
    /// Let visitors come without the token, each with a session of their own; the owner then gives the token, also on loopback.
    #[arg(long)]
    pub visitors: bool,
    /// How to write the log.
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
}

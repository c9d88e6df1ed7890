//! `ports` and `preview`: what listens in a container, and a way to see it.

use std::collections::BTreeMap;

use clap::Args;
use porthole_protocol::http::{ListeningPort, Preview};

use super::client::{Client, container_path};
use super::failure::Failure;
use super::output::{print, print_json};
use super::table::Table;

/// Arguments of `ports`.
#[derive(Clone, Debug, Args)]
pub struct PortsArgs {
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
}

/// Arguments of `preview`.
#[derive(Clone, Debug, Args)]
pub struct PreviewArgs {
    /// Close it instead.
    #[arg(long)]
    pub close: bool,
    /// The container: its id, a unique start of it, or its name.
    pub container: String,
    /// The port inside.
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    pub port: u16,
}

/// Lists the ports: those that are listened on, and those that are published.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn list(client: &Client, args: &PortsArgs) -> Result<(), Failure> {
    let listening: Vec<ListeningPort> =
        client.get(&format!("{}/ports", container_path(&args.container))).await?;
    if args.json {
        return print_json(&listening);
    }
    let published = client.container(&args.container).await?.published;
    let mut ports: BTreeMap<u16, (&str, Vec<String>)> = BTreeMap::new();
    for port in listening {
        ports.insert(port.port, (if port.loopback { "on loopback" } else { "yes" }, Vec::new()));
    }
    for publish in published {
        let outside = publish.host_port.map(|port| port.to_string());
        ports.entry(publish.port).or_insert(("no", Vec::new())).1.extend(outside);
    }
    let mut table = Table::new(["PORT", "LISTENING", "PUBLISHED AS"]);
    for (port, (listening, published)) in ports {
        let published = if published.is_empty() { "-".to_owned() } else { published.join(", ") };
        table.row([port.to_string(), listening.to_owned(), published]);
    }
    print(table)
}

/// Opens a preview and prints where it is, or closes it.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn preview(client: &Client, args: &PreviewArgs) -> Result<(), Failure> {
    let path = format!("{}/ports/{}/preview", container_path(&args.container), args.port);
    if args.close {
        return client.remove(&path).await;
    }
    let Preview { url } = client.ask(&path).await?;
    print(format!("{url}\n"))
}

//! `df`: what is stored, and by how many it is shared.

use clap::Args;
use porthole_protocol::image::{Storage, StoredLayer};

use super::client::Client;
use super::failure::Failure;
use super::output::{print, print_json};
use super::ps::shortened;
use super::table::Table;
use super::units::{human_bytes, short_digest};

/// Longest instruction shown, in characters.
const INSTRUCTION_CHARS: usize = 50;

/// Arguments of `df`.
#[derive(Clone, Debug, Args)]
pub struct DfArgs {
    /// Print the API's JSON.
    #[arg(long)]
    pub json: bool,
}

/// Runs the verb: each layer with its users, then the sums.
///
/// # Errors
/// Any [`Failure`] of the agent or the way to it.
pub(super) async fn run(client: &Client, args: &DfArgs) -> Result<(), Failure> {
    let storage: Storage = client.get("storage").await?;
    match args.json {
        true => print_json(&storage),
        false => print(format_args!("{}\n{}", layers(&storage), sums(&storage))),
    }
}

fn layers(storage: &Storage) -> Table {
    let mut table = Table::new(["LAYER", "SIZE", "IMAGES", "CONTAINERS", "CREATED BY"]);
    for layer in &storage.layers {
        table.row([
            short_digest(&layer.diff_id).to_owned(),
            human_bytes(layer.bytes),
            layer.images.len().to_string(),
            layer.containers.len().to_string(),
            shortened(&layer.created_by, INSTRUCTION_CHARS),
        ]);
    }
    table
}

fn sums(storage: &Storage) -> Table {
    let mut table = Table::new(["STORED", "COUNT", "SIZE", "WITHOUT SHARING"]);
    let containers = &storage.containers;
    let row = |name: &str, count: String, bytes: u64, unshared: String| {
        [name.to_owned(), count, human_bytes(bytes), unshared]
    };
    let private = containers.iter().map(|container| container.private_bytes).sum();
    let unshared = storage.layers.iter().map(unshared_bytes).sum();
    table.row(row("Layers", storage.layers.len().to_string(), stored_bytes(storage), human_bytes(unshared)));
    table.row(row("Containers' own", containers.len().to_string(), private, human_bytes(private)));
    table.row(row("Archives", "-".into(), storage.archive_bytes, "-".into()));
    table.row(row("Downloads", "-".into(), storage.download_bytes, "-".into()));
    table
}

fn stored_bytes(storage: &Storage) -> u64 {
    storage.layers.iter().map(|layer| layer.bytes).sum()
}

/// What a layer would take if each image and each container had a copy.
fn unshared_bytes(layer: &StoredLayer) -> u64 {
    layer.bytes.saturating_mul((layer.images.len() + layer.containers.len()) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;
    use porthole_protocol::image::ContainerSize;

    #[test]
    fn a_layer_counts_once_however_many_share_it() {
        let container = "0123456789ab".parse().unwrap();
        let storage = Storage {
            layers: vec![StoredLayer {
                diff_id: "sha256:0123456789abcdef".into(),
                bytes: 1 << 20,
                created_by: "ADD rootfs /".into(),
                images: vec!["sha256:a".into(), "sha256:b".into()],
                containers: vec![container],
            }],
            containers: vec![ContainerSize {
                container: "0123456789ab".parse().unwrap(),
                private_bytes: 4096,
                shared_bytes: 1 << 20,
            }],
            archive_bytes: 512,
            download_bytes: 0,
        };
        assert_eq!(
            layers(&storage).to_string(),
            "LAYER          SIZE      IMAGES   CONTAINERS   CREATED BY\n\
             0123456789ab   1.0 MiB   2        1            ADD rootfs /\n"
        );
        assert_eq!(
            sums(&storage).to_string(),
            "STORED            COUNT   SIZE      WITHOUT SHARING\n\
             Layers            1       1.0 MiB   3.0 MiB\n\
             Containers' own   1       4.0 KiB   4.0 KiB\n\
             Archives          -       512 B     -\n\
             Downloads         -       0 B       -\n"
        );
    }
}

//! What containers and images take on disk, and making room.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use porthole_protocol::ids::ContainerId;
use porthole_protocol::image::{ContainerSize, PruneRequest, Pruned, Storage};

use crate::container::registry::Registry;
use crate::container::{Container, ContainerError, Result};
use crate::files::Owner;
use crate::image::Image;

/// Containers that are measured at a time: each takes a worker of the launcher's.
const MEASURED_AT_ONCE: usize = 4;

/// Every layer with the images and containers that share it, and every container's bytes.
///
/// # Errors
/// Those of the image store.
pub(crate) async fn stored(registry: &Registry) -> Result<Storage> {
    let mut storage = registry.images().storage().await?;
    let mut standing: BTreeMap<String, Vec<ContainerId>> = BTreeMap::new();
    for container in registry.list() {
        for layer in distinct_layers(&container) {
            standing.entry(layer).or_default().push(container.id().clone());
        }
    }
    for layer in &mut storage.layers {
        layer.containers = standing.remove(&layer.diff_id).unwrap_or_default();
    }
    storage.containers = sizes(registry, registry.list()).await;
    storage.download_bytes = registry.images().download_bytes().await?;
    Ok(storage)
}

/// The bytes of every container, the newest first. One that is removed meanwhile has none.
pub(crate) async fn sizes(registry: &Registry, containers: Vec<Container>) -> Vec<ContainerSize> {
    let measured = stream::iter(containers).map(|container| async move {
        Some(ContainerSize {
            private_bytes: private_bytes(registry, &container).await?,
            shared_bytes: registry.images().bytes_of(&container.view().detail.layers),
            container: container.id().clone(),
        })
    });
    measured.buffered(MEASURED_AT_ONCE).filter_map(std::future::ready).collect().await
}

/// Removes what nobody needs: containers that have ended, images without a name (with `all`, every image that no container
/// is made from), layers and downloads.
///
/// # Errors
/// Those of the engine and the image store; what went before is gone.
pub(crate) async fn prune(registry: &Registry, request: PruneRequest) -> Result<Vec<Pruned>> {
    let PruneRequest { all, dry_run } = request;
    let has_ended = |container: &Container| !container.view().is_running();
    let mut pruned = Vec::new();
    for container in registry.list().into_iter().filter(has_ended) {
        pruned.extend(prune_container(registry, &container, dry_run).await?);
    }
    // Those that went are no longer listed; for a dry run they are as good as gone.
    let staying = || registry.list().into_iter().filter(|container| !dry_run || !has_ended(container));
    let in_use = |image: &Image| staying().any(|container| container.image_id() == image.id.as_str());
    let stood_on = staying().flat_map(|container| distinct_layers(&container)).collect();
    pruned.extend(registry.images().prune(all, dry_run, in_use, &stood_on).await?);
    Ok(pruned)
}

/// None when somebody else removed it meanwhile.
async fn prune_container(
    registry: &Registry,
    container: &Container,
    dry_run: bool,
) -> Result<Option<Pruned>> {
    let freed_bytes = private_bytes(registry, container).await.unwrap_or(0);
    if !dry_run {
        match container.remove(false).await {
            Err(ContainerError::NoSuchContainer(_)) => return Ok(None),
            removed => removed?,
        }
    }
    let name = container.view().detail.summary.name.clone();
    Ok(Some(Pruned { kind: "container".into(), name, freed_bytes }))
}

/// None when it cannot be measured, most likely because it was removed meanwhile.
async fn private_bytes(registry: &Registry, container: &Container) -> Option<u64> {
    let measured = registry.files(Owner::Container(container.clone())).private_bytes().await;
    measured
        .inspect_err(|error| tracing::debug!(container = %container.id(), ?error, "it cannot be measured"))
        .ok()
}

fn distinct_layers(container: &Container) -> BTreeSet<String> {
    container.view().detail.layers.iter().cloned().collect()
}

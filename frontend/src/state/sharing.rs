//! What sharing saves: containers stand on layers that are stored once.

use porthole_protocol::image::Storage;

/// Bytes of containers, and of the layers below them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sharing {
    /// Each container's read-only bytes and its private ones.
    pub containers: Vec<(u64, u64)>,
    /// Bytes of the layers below any of them, each stored once.
    pub stored: u64,
}

impl Sharing {
    /// From what is stored. None while there is no container.
    #[must_use]
    pub fn of(storage: &Storage) -> Option<Self> {
        let containers: Vec<_> =
            storage.containers.iter().map(|size| (size.shared_bytes, size.private_bytes)).collect();
        let used = storage.layers.iter().filter(|layer| !layer.containers.is_empty());
        let stored = used.map(|layer| layer.bytes).sum();
        (!containers.is_empty()).then_some(Self { containers, stored })
    }

    /// Bytes that the containers alone have, together.
    #[must_use]
    pub fn private(&self) -> u64 {
        self.containers.iter().map(|(_, private)| private).sum()
    }

    /// Bytes that full copies would take.
    #[must_use]
    pub fn as_copies(&self) -> u64 {
        self.containers.iter().map(|(shared, private)| shared + private).sum()
    }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::ids::ContainerId;
    use porthole_protocol::image::{ContainerSize, StoredLayer};

    use super::*;

    fn size(byte: u8, private_bytes: u64) -> ContainerSize {
        ContainerSize { container: ContainerId::from_random([byte; 6]), private_bytes, shared_bytes: 100 }
    }

    fn layer(bytes: u64, containers: Vec<ContainerId>) -> StoredLayer {
        StoredLayer {
            diff_id: String::new(),
            bytes,
            created_by: String::new(),
            images: Vec::new(),
            containers,
        }
    }

    #[test]
    fn a_layer_below_many_containers_counts_once_and_an_unused_one_not_at_all() {
        let containers = vec![size(1, 5), size(2, 7), size(3, 0)];
        let ids = containers.iter().map(|size| size.container.clone()).collect();
        let storage = Storage {
            layers: vec![layer(100, ids), layer(900, Vec::new())],
            containers,
            ..Storage::default()
        };
        let sharing = Sharing::of(&storage).unwrap();
        assert_eq!((sharing.stored, sharing.private(), sharing.as_copies()), (100, 12, 312));
    }

    #[test]
    fn without_a_container_nothing_is_shared() {
        assert_eq!(Sharing::of(&Storage::default()), None);
    }
}

//! What the kernel says about the container that is shown: the kernel panel and the birth timeline.

use std::rc::Rc;

use porthole_protocol::http::ContainerDetail;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::kernel::{CgroupValue, KernelView};
use porthole_protocol::limits::KERNEL_VIEW_EVERY_MS;
use yew::Reducible;

/// The inspected container, as far as known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// Which container.
    pub container: Option<ContainerId>,
    /// Its specification and birth.
    pub detail: Option<Rc<ContainerDetail>>,
    /// The latest view.
    pub view: Option<Rc<KernelView>>,
    /// What has been used since the view before.
    pub rates: Rates,
}

/// Use in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// CPU time, in thousandths of one CPU.
    pub cpu_millis: Option<u64>,
    /// Bytes read from and written to disk.
    pub io_bytes: Option<u64>,
}

/// What was learned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KernelAction {
    /// Another container is inspected.
    Inspect(Option<ContainerId>),
    /// Everything that does not change about a container.
    Detail(Box<ContainerDetail>),
    /// A new view.
    View(ContainerId, Box<KernelView>),
}

impl Kernel {
    /// What is known after this. News about a container that is no longer inspected is dropped.
    #[must_use]
    pub fn after(&self, action: KernelAction) -> Self {
        match action {
            KernelAction::Inspect(container) if container == self.container => self.clone(),
            KernelAction::Inspect(container) => Self { container, ..Self::default() },
            KernelAction::Detail(detail) if Some(&detail.summary.id) == self.container.as_ref() => {
                Self { detail: Some(Rc::new(*detail)), ..self.clone() }
            }
            KernelAction::View(container, view) if Some(&container) == self.container.as_ref() => {
                let rates = self.view.as_deref().map(|before| rates(before, &view)).unwrap_or_default();
                Self { view: Some(Rc::new(*view)), rates, ..self.clone() }
            }
            KernelAction::Detail(_) | KernelAction::View(..) => self.clone(),
        }
    }
}

/// Whether nothing more can be written: the writable layer has used up its bytes or its files.
#[must_use]
pub fn disk_is_full(view: &KernelView) -> bool {
    // What is left of the last hundredth is less than a block group, or a file's metadata.
    let is_full = |value: &CgroupValue| value.limit.is_some_and(|limit| value.usage >= limit - limit / 100);
    view.cgroup.iter().any(|value| matches!(value.resource.as_str(), "disk" | "inodes") && is_full(value))
}

fn rates(before: &KernelView, now: &KernelView) -> Rates {
    let used = |view: &KernelView, resource: &str| {
        view.cgroup.iter().find(|value| value.resource == resource).map(|value| value.usage)
    };
    let since = |resource| Some(used(now, resource)?.saturating_sub(used(before, resource)?));
    Rates {
        cpu_millis: since("cpu").map(|micros| micros / KERNEL_VIEW_EVERY_MS),
        io_bytes: since("io").map(|bytes| bytes * 1000 / KERNEL_VIEW_EVERY_MS),
    }
}

impl Reducible for Kernel {
    type Action = KernelAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(byte: u8) -> ContainerId {
        ContainerId::from_random([byte; 6])
    }

    fn view(cpu: u64) -> Box<KernelView> {
        let cpu = CgroupValue { resource: "cpu".into(), version: 2, usage: cpu, limit: None, hits: 0 };
        Box::new(KernelView { cgroup: vec![cpu], ..KernelView::default() })
    }

    #[test]
    fn a_busy_core_shows_as_a_thousand_thousandths() {
        let kernel = Kernel::default()
            .after(KernelAction::Inspect(Some(id(1))))
            .after(KernelAction::View(id(1), view(5_000_000)));
        assert_eq!(kernel.rates.cpu_millis, None);
        assert_eq!(kernel.after(KernelAction::View(id(1), view(6_000_000))).rates.cpu_millis, Some(1000));
    }

    #[test]
    fn a_disk_is_full_when_its_bytes_or_its_files_are_used_up() {
        let used = |resource: &str, usage| {
            let value =
                CgroupValue { resource: resource.into(), version: 0, usage, limit: Some(1000), hits: 0 };
            disk_is_full(&KernelView { cgroup: vec![value], ..KernelView::default() })
        };
        assert!(used("disk", 995) && used("inodes", 1000));
        assert!(!used("disk", 900) && !used("memory", 1000));
    }

    #[test]
    fn a_late_view_of_another_container_is_dropped() {
        let kernel = Kernel::default().after(KernelAction::Inspect(Some(id(1))));
        assert_eq!(kernel.after(KernelAction::View(id(2), view(1))), kernel);
    }

    #[test]
    fn inspecting_another_container_forgets_the_one_before() {
        let kernel = Kernel::default()
            .after(KernelAction::Inspect(Some(id(1))))
            .after(KernelAction::View(id(1), view(1)))
            .after(KernelAction::Inspect(Some(id(2))));
        assert_eq!((kernel.container, kernel.view), (Some(id(2)), None));
    }
}

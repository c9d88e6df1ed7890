//! What the kernel says about the container that is shown: the kernel panel and the birth timeline.

use std::rc::Rc;

use porthole_protocol::http::ContainerDetail;
use porthole_protocol::ids::ContainerId;
use porthole_protocol::kernel::KernelView;
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
    /// CPU time used since the view before, in thousandths of one CPU.
    pub cpu_millis: Option<u64>,
    /// Processes killed for want of memory since the container is inspected.
    pub memory_kills: u64,
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
                let cpu_millis = self.view.as_deref().and_then(|before| cpu_millis(before, &view));
                let killed = self
                    .view
                    .as_deref()
                    .map_or(0, |before| memory_hits(&view).saturating_sub(memory_hits(before)));
                let memory_kills = self.memory_kills + killed;
                Self { view: Some(Rc::new(*view)), cpu_millis, memory_kills, ..self.clone() }
            }
            KernelAction::Detail(_) | KernelAction::View(..) => self.clone(),
        }
    }
}

/// How often the kernel has killed a process of the container for want of memory.
fn memory_hits(view: &KernelView) -> u64 {
    view.cgroup.iter().find(|value| value.resource == "memory").map_or(0, |memory| memory.hits)
}

fn cpu_millis(before: &KernelView, now: &KernelView) -> Option<u64> {
    let used =
        |view: &KernelView| view.cgroup.iter().find(|value| value.resource == "cpu").map(|cpu| cpu.usage);
    let micros = used(now)?.saturating_sub(used(before)?);
    Some(micros / KERNEL_VIEW_EVERY_MS)
}

impl Reducible for Kernel {
    type Action = KernelAction;

    fn reduce(self: Rc<Self>, action: Self::Action) -> Rc<Self> {
        Rc::new(self.after(action))
    }
}

#[cfg(test)]
mod tests {
    use porthole_protocol::kernel::CgroupValue;

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
        assert_eq!(kernel.cpu_millis, None);
        assert_eq!(kernel.after(KernelAction::View(id(1), view(6_000_000))).cpu_millis, Some(1000));
    }

    #[test]
    fn kills_for_want_of_memory_are_counted_from_the_first_view_on() {
        let killed = |hits| {
            let memory = CgroupValue { resource: "memory".into(), version: 1, usage: 0, limit: None, hits };
            KernelAction::View(id(1), Box::new(KernelView { cgroup: vec![memory], ..KernelView::default() }))
        };
        let kernel = Kernel::default().after(KernelAction::Inspect(Some(id(1)))).after(killed(3));
        assert_eq!(kernel.memory_kills, 0, "those were before the visitor came");
        assert_eq!(kernel.after(killed(4)).after(killed(4)).after(killed(6)).memory_kills, 3);
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

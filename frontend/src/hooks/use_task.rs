//! The one place that starts asynchronous work.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use yew::platform::spawn_local;
use yew::prelude::*;

#[derive(Default)]
struct Ended {
    yes: bool,
    waker: Option<Waker>,
}

/// Starts work that ends with the component: once unmounted, it is dropped where it waits.
#[derive(Clone, Default)]
pub struct Tasks(Rc<RefCell<Ended>>);

impl Tasks {
    /// Starts one piece of work.
    pub fn start(&self, work: impl Future<Output = ()> + 'static) {
        spawn_local(Owned { work: Box::pin(work), ended: self.0.clone() });
    }

    fn end(&self) {
        let mut ended = self.0.borrow_mut();
        ended.yes = true;
        if let Some(waker) = ended.waker.take() {
            drop(ended);
            waker.wake();
        }
    }
}

struct Owned {
    work: Pin<Box<dyn Future<Output = ()>>>,
    ended: Rc<RefCell<Ended>>,
}

impl Future for Owned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.ended.borrow().yes {
            return Poll::Ready(());
        }
        self.ended.borrow_mut().waker = Some(context.waker().clone());
        self.work.as_mut().poll(context)
    }
}

/// A place for this component's asynchronous work.
#[hook]
pub fn use_tasks() -> Tasks {
    let tasks = use_memo((), |()| Tasks::default());
    use_effect_with((), {
        let tasks = tasks.clone();
        move |()| move || tasks.end()
    });
    (*tasks).clone()
}

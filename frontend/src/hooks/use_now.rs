//! The time, for ages.

use gloo_timers::callback::Interval;
use yew::prelude::*;

use crate::interop::browser;

/// How often ages are told anew, in milliseconds.
const AGES_EVERY_MS: u32 = 10_000;

/// Milliseconds since 1970-01-01 UTC, told anew every few seconds.
#[hook]
pub fn use_now() -> u64 {
    let now = use_state(browser::now_ms);
    use_effect_with((), {
        let now = now.setter();
        move |()| {
            let interval = Interval::new(AGES_EVERY_MS, move || now.set(browser::now_ms()));
            move || drop(interval)
        }
    });
    *now
}

//! The time, for ages.

use gloo_timers::callback::Interval;
use yew::prelude::*;

use crate::interop::browser;

/// How often ages are told anew, in milliseconds.
pub const AGES_EVERY_MS: u32 = 10_000;

/// Milliseconds since 1970-01-01 UTC, told anew that often.
#[hook]
pub fn use_now(every_ms: u32) -> u64 {
    let now = use_state(browser::now_ms);
    use_effect_with(every_ms, {
        let now = now.setter();
        move |&every_ms| {
            let interval = Interval::new(every_ms, move || now.set(browser::now_ms()));
            move || drop(interval)
        }
    });
    *now
}

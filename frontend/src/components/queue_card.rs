//! A launch that waits, in the place of its terminal.

use yew::prelude::*;

/// Its place in the queue, what it waits for, and the way out.
pub fn queue_card(position: u32, reason: &str, on_cancel: Callback<MouseEvent>) -> Html {
    let place = match position {
        0 | 1 => "You are next".to_owned(),
        more => format!("Number {more} in the queue"),
    };
    html! {
        <div class="queue">
            <p class="queue-place" role="status" aria-label="Queue">{ place }</p>
            <p class="queue-reason">{ reason }{ " It starts by itself as soon as there is room." }</p>
            <button type="button" class="button" onclick={on_cancel}>{ "Do not wait" }</button>
        </div>
    }
}

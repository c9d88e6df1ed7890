//! The lines between terminals side by side.

use yew::prelude::*;

use crate::interop::element;
use crate::state::format;
use crate::state::layout::{Axis, Divider, WHOLE};

/// How far an arrow key moves a line, in ten-thousandths of what it divides.
const STEP: u16 = 400;

/// Moved by pointer and by arrow keys. `on_move` hears which one, and the share of the first part.
pub fn dividers(all: &[Divider], on_move: &Callback<(usize, u16)>) -> Html {
    all.iter().enumerate().map(|(index, divider)| line(index, *divider, on_move)).collect()
}

fn line(index: usize, divider: Divider, on_move: &Callback<(usize, u16)>) -> Html {
    let Divider { axis, within, share } = divider;
    let on_share = on_move.reform(move |share| (index, share));
    let onkeydown = {
        let on_share = on_share.clone();
        Callback::from(move |event: KeyboardEvent| {
            let share = match event.key().as_str() {
                "ArrowLeft" | "ArrowUp" => share.saturating_sub(STEP),
                "ArrowRight" | "ArrowDown" => share + STEP,
                _ => return,
            };
            event.prevent_default();
            on_share.emit(share);
        })
    };
    let onpointerdown = Callback::from(|event: PointerEvent| element::capture(&event));
    let onpointermove = Callback::from(move |event: PointerEvent| {
        if let Some((x, y)) = element::captured_at(&event) {
            on_share.emit(divider.share_at(x, y));
        }
    });
    let of = |length: u16| format::part(length.into(), WHOLE.into());
    let at = |from: u16, length: u16| {
        of(from + u16::try_from(u32::from(length) * u32::from(share) / u32::from(WHOLE)).unwrap_or(length))
    };
    let (orientation, style) = match axis {
        Axis::Row => (
            "vertical",
            format!(
                "left: {}; top: {}; height: {}",
                at(within.x, within.width),
                of(within.y),
                of(within.height)
            ),
        ),
        Axis::Column => (
            "horizontal",
            format!(
                "top: {}; left: {}; width: {}",
                at(within.y, within.height),
                of(within.x),
                of(within.width)
            ),
        ),
    };
    html! {
        <div key={format!("line {index}")} class="divider" role="separator" tabindex="0" aria-label="Line between terminals"
            aria-orientation={orientation} aria-valuenow={(share / 100).to_string()} aria-valuemin="10" aria-valuemax="90"
            {style} {onkeydown} {onpointerdown} {onpointermove} />
    }
}

//! Files about to be sent, or on their way.

use yew::prelude::*;

use super::problem::problem;
use super::progress::progress;
use crate::state::format;
use crate::state::sending::Parcel;

/// Each file with its size and how far it is, and whether its name is taken already.
pub fn parcel_list(parcels: &[Parcel], taken: &[String]) -> Html {
    let item = |parcel: &Parcel| {
        let under_way = parcel.ended.is_none() && parcel.sent > 0;
        let state = match &parcel.ended {
            Some(Ok(())) => "there".to_string(),
            Some(Err(_)) => "failed".to_string(),
            None if parcel.sent > 0 => {
                format!("{} of {}", format::bytes(parcel.sent), format::bytes(parcel.bytes))
            }
            None if taken.contains(&parcel.name) => {
                format!("{}, replaces the one there", format::bytes(parcel.bytes))
            }
            None => format::bytes(parcel.bytes),
        };
        html! {
            <li key={parcel.name.clone()} class="parcel">
                <span class="parcel-name">{ &parcel.name }</span>
                <span class="parcel-state">{ state }</span>
                if under_way { { progress(&parcel.name, parcel.sent, parcel.bytes) } }
                if let Some(Err(error)) = &parcel.ended { { problem(error) } }
            </li>
        }
    };
    html! { <ul class="parcels">{ for parcels.iter().map(item) }</ul> }
}

//! Files about to be sent, or on their way.

use yew::prelude::*;

use super::problem::Problem;
use super::progress::Progress;
use crate::state::format;
use crate::state::sending::Parcel;

/// Properties of [`ParcelList`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// The files.
    pub parcels: Vec<Parcel>,
    /// Names that are there already.
    #[prop_or_default]
    pub taken: Vec<String>,
}

/// Each file with its size and how far it is.
#[component]
pub fn ParcelList(props: &Props) -> Html {
    let item = |parcel: &Parcel| {
        let under_way = parcel.ended.is_none() && parcel.sent > 0;
        let state = match &parcel.ended {
            Some(Ok(())) => "there".to_string(),
            Some(Err(_)) => "failed".to_string(),
            None if parcel.sent > 0 => {
                format!("{} of {}", format::bytes(parcel.sent), format::bytes(parcel.bytes))
            }
            None if props.taken.contains(&parcel.name) => {
                format!("{}, replaces the one there", format::bytes(parcel.bytes))
            }
            None => format::bytes(parcel.bytes),
        };
        html! {
            <li key={parcel.name.clone()} class="parcel">
                <span class="parcel-name">{ &parcel.name }</span>
                <span class="parcel-state">{ state }</span>
                if under_way { <Progress label={parcel.name.clone()} done={parcel.sent} total={parcel.bytes} /> }
                if let Some(Err(error)) = &parcel.ended { <Problem error={error.clone()} /> }
            </li>
        }
    };
    html! { <ul class="parcels">{ for props.parcels.iter().map(item) }</ul> }
}

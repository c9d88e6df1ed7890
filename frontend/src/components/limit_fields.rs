//! Fields for limits.

use porthole_protocol::spec::Limits;
use yew::prelude::*;

use crate::state::launch_form::{Field, shown};

/// A field for each of these limits. What an empty one stands for is what `limits` says.
pub fn limit_fields<'a>(fields: impl IntoIterator<Item = &'a Field>, limits: &Limits) -> Html {
    let field = |field: &Field| {
        html! {
            <label class="limit-field" title={format!("Takes {}", field.takes)}>
                { field.words }
                <input class="field" type="text" name={field.name} autocomplete="off" autocapitalize="off" spellcheck="false"
                    placeholder={shown(field.name, limits)} />
            </label>
        }
    };
    html! { <div class="limit-fields">{ for fields.into_iter().map(field) }</div> }
}

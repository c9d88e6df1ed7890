//! A part of the kernel panel: heading, one plain sentence, and what there is to see.

use yew::prelude::*;

/// Properties of [`Section`].
#[derive(Properties, PartialEq)]
pub struct Props {
    /// Its heading.
    pub title: AttrValue,
    /// A figure beside the heading.
    #[prop_or_default]
    pub figure: AttrValue,
    /// What this is, for someone who meets it for the first time.
    pub lead: Html,
    /// Whether it is open at first.
    #[prop_or(true)]
    pub open: bool,
    /// What there is to see.
    pub children: Html,
}

/// The part, which can be folded.
#[component]
pub fn Section(props: &Props) -> Html {
    html! {
        <details class="section" open={props.open}>
            <summary class="section-head">
                <h2 class="section-title">{ &props.title }</h2>
                if !props.figure.is_empty() {
                    <span class="section-figure">{ &props.figure }</span>
                }
            </summary>
            <p class="section-lead">{ props.lead.clone() }</p>
            { props.children.clone() }
        </details>
    }
}

//! What a launch may ask for beside an image, folded away.

use porthole_protocol::http::{Offer, Offers};
use yew::prelude::*;

use super::limit_fields::limit_fields;
use crate::state::launch_form::{DISK, LIVE, MORE};

/// What an offer means, for someone who meets it for the first time.
fn words(name: &str) -> (&'static str, &'static str) {
    match name {
        "none" => ("None", "a loopback and nothing more"),
        "nat" => ("Outward", "to the internet; never to this machine or its neighbours"),
        "lab" => ("Lab", "shared with the containers that name the same one"),
        "builtin" => ("Porthole's own", ""),
        "runc" => ("runc", "what Docker runs"),
        "crun" => ("crun", "the same in C"),
        "runsc" => ("gVisor", "a kernel of its own"),
        _ => ("Other", ""),
    }
}

fn choice(group: &'static str, index: usize, offer: &Offer) -> Html {
    let (title, meaning) = words(&offer.name);
    let note = match (offer.usable, offer.note.as_str()) {
        (true, _) => meaning.to_owned(),
        (false, "") => "not here".to_owned(),
        (false, why) => why.to_owned(),
    };
    html! {
        <label class="check">
            <input type="radio" name={group} value={offer.name.clone()} ~defaultChecked={index == 0} disabled={!offer.usable} />
            <span>{ title }{ " " }<span class="quiet">{ note }</span></span>
        </label>
    }
}

/// The options. `command` is what the command line would be told instead.
pub fn launch_options(offers: &Offers, command: &str) -> Html {
    let choices = |group: &'static str, offers: &[Offer]| -> Html {
        offers.iter().enumerate().map(|(index, offer)| choice(group, index, offer)).collect()
    };
    let [disk, files] = &DISK;
    let [disk, files] = [disk, files].map(|field| (offers.disk != "none").then_some(field));
    let has_lab = offers.networks.iter().any(|network| network.name == "lab" && network.usable);
    html! {
        <details class="options">
            <summary class="options-head">{ "Limits, network, engine" }</summary>
            <fieldset class="options-group">
                <legend class="dialog-label">{ "Limits" }</legend>
                { limit_fields(LIVE.iter().chain(disk), &offers.defaults) }
                <details>
                    <summary class="options-head">{ "More limits" }</summary>
                    { limit_fields(MORE.iter().chain(files), &offers.defaults) }
                </details>
            </fieldset>
            <fieldset class="options-group">
                <legend class="dialog-label">{ "Network" }</legend>
                { choices("network", &offers.networks) }
                if has_lab {
                    <input class="field lab-name" type="text" name="lab" autocomplete="off" autocapitalize="off"
                        spellcheck="false" placeholder="the lab's name" aria-label="The lab's name" />
                }
            </fieldset>
            <fieldset class="options-group">
                <legend class="dialog-label">{ "Engine" }</legend>
                { choices("engine", &offers.engines) }
            </fieldset>
            <label class="check">
                <input type="checkbox" name="sudo" />
                <span>{ "Let sudo work " }<span class="quiet">{ "set-user-ID programs gain what root has in here" }</span></span>
            </label>
            <p class="options-command">
                { "The same by hand: " }<code class="inline-code">{ command }</code>
            </p>
        </details>
    }
}

//! What an image says about the containers made from it.

use porthole_protocol::image::ImageDetail;
use yew::prelude::*;

/// Words as a shell would take them.
fn quoted(words: &[String]) -> String {
    let plain = |word: &str| {
        !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || "'\"$`\\;&|<>()*?#".contains(c))
    };
    let one =
        |word: &String| if plain(word) { word.clone() } else { format!("'{}'", word.replace('\'', "'\\''")) };
    words.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// The configuration as a list of terms; what the image does not say is left out.
pub fn image_config(detail: &ImageDetail) -> Html {
    let ImageDetail { digest, os, architecture, config, summary, .. } = detail;
    let labels = config.labels.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>();
    let one = |value: &str| if value.is_empty() { Vec::new() } else { vec![value.to_owned()] };
    let or = |value: &str, otherwise: &str| vec![if value.is_empty() { otherwise } else { value }.to_owned()];
    let terms: [(&str, Vec<String>); 15] = [
        ("Entry point", one(&quoted(&config.entrypoint))),
        ("Command", one(&quoted(&config.cmd))),
        ("User", or(&config.user, "root")),
        ("Directory", or(&config.working_dir, "/")),
        ("Environment", config.env.clone()),
        ("Ports", config.exposed_ports.clone()),
        ("Volumes", config.volumes.clone()),
        ("Health check", one(&quoted(&config.healthcheck))),
        ("Stop signal", or(&config.stop_signal, "SIGTERM")),
        ("Labels", labels),
        ("Platform", vec![format!("{os}/{architecture}")]),
        ("Names", summary.names.clone()),
        ("Id", vec![summary.id.clone()]),
        ("Digest", one(digest)),
        ("Layers", summary.layers.clone()),
    ];
    html! {
        <dl class="terms">
            { for terms.iter().filter(|(_, values)| !values.is_empty()).map(|(term, values)| html! {
                <div key={*term} class="term-row">
                    <dt class="term">{ *term }</dt>
                    { for values.iter().map(|value| html! { <dd class="term-value">{ value }</dd> }) }
                </div>
            }) }
        </dl>
    }
}

//! The networks a container is in.

use porthole_protocol::http::{Address, ContainerDetail};
use yew::prelude::*;

/// Each network with the container's address in it, and what is published.
pub fn networks(detail: &ContainerDetail) -> Html {
    let row = |name: &str, value: String| {
        html! {
            <div key={value.clone()} class="term-row">
                <dt class="term">{ name }</dt>
                <dd class="term-value">{ value }</dd>
            </div>
        }
    };
    let address = |it: &Address| row(&it.network, format!("{} {}", it.interface, it.address));
    html! {
        <dl class="terms">
            { row("loopback", "lo 127.0.0.1/8".into()) }
            { for detail.addresses.iter().map(address) }
            { for detail.published.iter().filter_map(|it| {
                Some(row("published", format!("port {} as {} outside", it.port, it.host_port?)))
            }) }
        </dl>
    }
}

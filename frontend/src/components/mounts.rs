//! The container's mount table.

use porthole_protocol::kernel::Mount;
use yew::prelude::*;

/// The mounts as a table.
pub fn mounts(mounts: &[Mount]) -> Html {
    let row = |mount: &Mount| {
        html! {
            <tr key={format!("{} {}", mount.target, mount.fs_type)}>
                <td class="grid-path">{ &mount.target }</td>
                <td class="grid-type">{ &mount.fs_type }</td>
                <td class="grid-options">{ &mount.options }</td>
            </tr>
        }
    };
    html! {
        <div class="grid-scroll" tabindex="0" role="group" aria-label="Mounts of the container">
            <table class="grid">
                <caption class="visually-hidden">{ "Mount table of the container" }</caption>
                <thead>
                    <tr>
                        <th scope="col" class="grid-head">{ "Where" }</th>
                        <th scope="col" class="grid-head">{ "Type" }</th>
                        <th scope="col" class="grid-head">{ "Options" }</th>
                    </tr>
                </thead>
                <tbody>{ for mounts.iter().map(row) }</tbody>
            </table>
        </div>
    }
}

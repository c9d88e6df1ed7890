//! The container's processes, numbered from both sides.

use porthole_protocol::kernel::Process;
use yew::prelude::*;

use crate::state::format;

/// The processes as a table.
pub fn processes(processes: &[Process]) -> Html {
    let row = |process: &Process| {
        let command = if process.command.is_empty() { &process.name } else { &process.command };
        html! {
            <tr key={process.host_pid}>
                <td class="figure">{ process.container_pid }</td>
                <td class="figure">{ process.host_pid }</td>
                <td class="figure">{ process.container_uid }</td>
                <td class="figure">{ process.host_uid }</td>
                <td class="figure">{ format::bytes(process.rss_bytes) }</td>
                <td class="grid-command" title={command.clone()}>{ command }</td>
            </tr>
        }
    };
    html! {
        <div class="grid-scroll" tabindex="0" role="group" aria-label="Processes of the container">
            <table class="grid">
                <caption class="visually-hidden">{ "Processes, with their ids inside and on the host" }</caption>
                <thead>
                    <tr>
                        <th scope="col" class="grid-head" title="Process id inside the container">{ "Pid" }</th>
                        <th scope="col" class="grid-head" title="Process id on the host">{ "Host pid" }</th>
                        <th scope="col" class="grid-head" title="User id inside the container">{ "Uid" }</th>
                        <th scope="col" class="grid-head" title="User id on the host">{ "Host uid" }</th>
                        <th scope="col" class="grid-head">{ "Memory" }</th>
                        <th scope="col" class="grid-head">{ "Command" }</th>
                    </tr>
                </thead>
                <tbody>{ for processes.iter().map(row) }</tbody>
            </table>
        </div>
    }
}

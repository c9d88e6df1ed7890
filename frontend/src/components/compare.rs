//! Rows with a column for the host and one for the container.

use yew::prelude::*;

use super::command::command;
use crate::state::rows::Row;

/// The rows as a table. Values that differ from the host's are marked as the container's own.
pub fn compare(caption: &'static str, rows: &[Row], on_type: &Callback<String>) -> Html {
    let row = |row: &Row| {
        let own = row.is_own();
        html! {
            <tr role="row" key={row.label.to_string()} class="compare-row" data-own={own.then_some("true")}>
                <th role="rowheader" scope="row" class="compare-label">{ &row.label }</th>
                <td role="cell" class="compare-host">{ &row.host }</td>
                <td role="cell" class="compare-container">
                    <span class="compare-value">{ &row.container }</span>
                    { " " }
                    <span class="compare-mark">{ if own { "own" } else { "shared" } }</span>
                </td>
                <td role="cell" class="compare-foot">
                    if !row.note.is_empty() { <span class="compare-note">{ &row.note }</span> }
                    { command(&row.command, on_type) }
                </td>
            </tr>
        }
    };
    // The roles say again what the elements say: a style sheet that lays rows out as grids takes the meaning from them.
    html! {
        <table role="table" class="compare" aria-label={caption}>
            <thead role="rowgroup">
                <tr role="row" class="compare-row">
                    <th role="columnheader" scope="col" class="compare-head">
                        <span class="visually-hidden">{ "What" }</span>
                    </th>
                    <th role="columnheader" scope="col" class="compare-head">{ "Host" }</th>
                    <th role="columnheader" scope="col" class="compare-head">{ "Container" }</th>
                    <th role="columnheader" scope="col" class="compare-head">
                        <span class="visually-hidden">{ "Command" }</span>
                    </th>
                </tr>
            </thead>
            <tbody role="rowgroup">{ for rows.iter().map(row) }</tbody>
        </table>
    }
}

//! The list of commands: type some letters of one, press Enter.

use yew::functional::Hook;
use yew::prelude::*;

use super::dialog;
use super::help_dialog::chord;
use super::part::part;
use crate::interop::{element, focus};
use crate::state::fuzzy;
use crate::state::palette::{Command, Pick};

/// What [`palette`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// All commands, in the order shown.
    pub commands: Vec<Command>,
    /// This one. The list has closed.
    pub on_pick: Callback<Pick>,
    /// Nothing.
    pub on_close: Callback<()>,
}

/// The id of a line.
fn line_id(index: usize) -> String {
    format!("command-{index}")
}

/// A field and the lines that it names.
pub fn palette(props: Props) -> Html {
    part("", props, |props, ctx| use_palette(props).run(ctx))
}

#[hook]
fn use_palette(props: &Props) -> Html {
    let field = use_node_ref();
    let typed = use_state(String::new);
    let chosen = use_state(|| 0_usize);
    use_effect_with(field.clone(), element::focus);
    let found = fuzzy::ranked(&typed, props.commands.iter().map(|command| command.words.as_str()));
    let at = (*chosen).min(found.len().saturating_sub(1));
    let oninput = {
        let (field, typed, chosen) = (field.clone(), typed.setter(), chosen.setter());
        Callback::from(move |_: InputEvent| {
            typed.set(element::input_value(&field));
            chosen.set(0);
        })
    };
    let pick = |index: usize| {
        let pick = props.commands[index].pick.clone();
        let (on_pick, on_close) = (props.on_pick.clone(), props.on_close.clone());
        move || {
            on_close.emit(());
            on_pick.emit(pick.clone());
        }
    };
    let onkeydown = {
        let (enter, chosen, count) = (found.get(at).map(|index| pick(*index)), chosen.setter(), found.len());
        Callback::from(move |event: KeyboardEvent| {
            let to = match event.key().as_str() {
                "ArrowDown" => at + 1,
                "ArrowUp" => at + count.saturating_sub(1),
                "Enter" => {
                    event.prevent_default();
                    return enter.iter().for_each(|pick| pick());
                }
                _ => return,
            };
            event.prevent_default();
            let to = to % count.max(1);
            chosen.set(to);
            focus::show(&line_id(to));
        })
    };
    let line = |(at_line, index): (usize, &usize)| {
        let command = &props.commands[*index];
        let pick = pick(*index);
        html! {
            <li key={*index} class="command-line" role="option" id={line_id(at_line)} aria-selected={(at_line == at).to_string()}
                onclick={Callback::from(move |_: MouseEvent| pick())}>
                <span>{ &command.words }</span>
                if !command.keys.is_empty() { { chord(command.keys) } }
            </li>
        }
    };
    dialog::dialog(dialog::Props {
        title: "Commands".into(),
        class: classes!("palette"),
        on_close: props.on_close.clone(),
        children: html! { <>
            <input class="field palette-field" ref={field} type="text" role="combobox" aria-label="Command" aria-expanded="true"
                aria-controls="commands" aria-activedescendant={(!found.is_empty()).then(|| line_id(at))} autocomplete="off"
                autocapitalize="off" spellcheck="false" placeholder="What to do" {oninput} {onkeydown} />
            <ul class="command-lines" id="commands" role="listbox" aria-label="Commands">
                { for found.iter().enumerate().map(line) }
            </ul>
            if found.is_empty() { <p class="quiet">{ "Nothing has these letters." }</p> }
        </> },
    })
}

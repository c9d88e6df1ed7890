//! One terminal: created once, kept while its tab is open, gone with it.

use yew::functional::Hook;
use yew::prelude::*;

use super::icon::{Icon, glyph};
use super::part::part;
use super::tab_bar::{Dragged, panel_id, tab_id};
use crate::hooks::use_shortcuts::use_shortcuts;
use crate::hooks::use_task::use_tasks;
use crate::hooks::use_terminal::use_terminal;
use crate::interop::{element, keys};
use crate::state::screen::Command;
use crate::state::shortcuts::Shortcut;
use crate::state::tabs::{Origin, TabKey};

/// What [`terminal_view`] is about.
#[derive(PartialEq)]
pub struct Props {
    /// Its tab.
    pub tab: TabKey,
    /// How it comes to be.
    pub origin: Origin,
    /// Its name for assistive technology.
    pub label: AttrValue,
    /// Whether it is the one that has the keyboard.
    pub active: bool,
    /// Its place, as a style; none while another tab is shown.
    pub area: Option<AttrValue>,
    /// Whether there are others beside it.
    pub beside: bool,
    /// It got the keyboard by itself.
    pub on_active: Callback<TabKey>,
    /// Close it.
    pub on_close: Callback<TabKey>,
    /// It is dragged, or is not any more.
    pub on_drag: Callback<Dragged>,
    /// Changes whenever the terminal shall take the focus.
    pub focus: u32,
    /// Whether output is announced to screen readers.
    pub screen_reader: bool,
    /// Flips `screen_reader`.
    pub on_screen_reader: Callback<()>,
    /// Tells the visitor something.
    pub on_note: Callback<String>,
}

/// A terminal with its tools.
pub fn terminal_view(key: &str, props: Props) -> Html {
    part(key, props, |props, hooks| use_terminal_view(props).run(hooks))
}

#[hook]
fn use_terminal_view(props: &Props) -> Html {
    let (host, whole) = (use_node_ref(), use_node_ref());
    let tasks = use_tasks();
    let terminal = use_terminal(props.tab, &props.origin, &host);

    use_effect_with((terminal.is_some(), props.active, props.focus), {
        let terminal = terminal.clone();
        move |(_, active, _)| {
            if let (Some(terminal), true) = (terminal, *active) {
                terminal.fit();
                terminal.focus();
            }
        }
    });
    use_effect_with((terminal.is_some(), props.label.clone(), props.screen_reader), {
        let terminal = terminal.clone();
        move |(_, label, screen_reader)| {
            if let Some(terminal) = terminal {
                terminal.set_label(&format!("{label}. Press Ctrl+F6 to leave."));
                terminal.set_screen_reader_mode(*screen_reader);
            }
        }
    });

    let copy = {
        let (terminal, on_note) = (terminal.clone(), props.on_note.clone());
        Callback::from(move |()| {
            if terminal.as_ref().is_some_and(|terminal| !terminal.copy()) {
                on_note.emit("Select some text in the terminal first; it is copied by itself.".into());
            }
        })
    };
    let paste = {
        let (terminal, on_note, tasks) = (terminal.clone(), props.on_note.clone(), tasks.clone());
        Callback::from(move |_: MouseEvent| {
            let (Some(terminal), on_note) = (terminal.clone(), on_note.clone()) else { return };
            tasks.start(async move {
                if !terminal.paste().await {
                    on_note.emit(
                        "The browser does not let the page read the clipboard. Press Ctrl+Shift+V instead."
                            .into(),
                    );
                }
            });
        })
    };
    let act = |command: Command| {
        let terminal = terminal.clone();
        Callback::from(move |_: MouseEvent| {
            if let Some(terminal) = &terminal {
                terminal.act(command);
            }
        })
    };
    use_shortcuts((props.active, terminal.is_some()), {
        let (active, copy, terminal, whole) = (props.active, copy.clone(), terminal.clone(), whole.clone());
        move |shortcut| match shortcut {
            Shortcut::Copy if active => {
                copy.emit(());
                true
            }
            Shortcut::Screen(command) if active => {
                if let Some(terminal) = &terminal {
                    terminal.act(command);
                }
                true
            }
            Shortcut::FullScreen if active => {
                element::full_screen(&whole);
                true
            }
            _ => false,
        }
    });

    let button = |icon: Icon, name: &'static str, onclick: Callback<MouseEvent>, pressed: Option<bool>| {
        html! {
            <button type="button" class="icon-button" {onclick} aria-label={name} title={name}
                aria-pressed={pressed.map(|on| on.to_string())}>
                { glyph(icon) }
            </button>
        }
    };
    let (tab, active) = (props.tab, props.active);
    let name = props.label.strip_prefix("Terminal ").unwrap_or(&props.label);
    let onfocusin = {
        let on_active = props.on_active.clone();
        Callback::from(move |_: FocusEvent| {
            if !active {
                on_active.emit(tab);
            }
        })
    };
    html! {
        <>
            <section class="terminal" id={panel_id(tab)} ref={whole} role="tabpanel" aria-labelledby={tab_id(tab)}
                hidden={props.area.is_none()} style={props.area.clone()} data-active={active.then_some("true")}
                data-beside={props.beside.then_some("true")} {onfocusin}>
                if props.beside {
                    <header class="pane-head" draggable="true" ondragstart={props.on_drag.reform(move |_| Some((tab, true)))}
                        ondragend={props.on_drag.reform(|_| None)}>
                        <span class="pane-name">{ name }</span>
                        <button type="button" class="pane-close" onclick={props.on_close.reform(move |_| tab)}
                            aria-label={format!("Close {name}")} title="Close. Its process runs on.">
                            { glyph(Icon::Close) }
                        </button>
                    </header>
                }
                <div class="terminal-host" ref={host} />
            </section>
            // On the status line, and so not in its own place.
            <div class="terminal-tools" role="group" aria-label="Terminal tools" hidden={!active}>
                { button(Icon::Search, "Find", act(Command::Find), None) }
                { button(Icon::Copy, "Copy", copy.reform(|_| ()), None) }
                { button(Icon::Paste, "Paste", paste, None) }
                { button(Icon::Letters, "Terminal settings", act(Command::Settings), None) }
                { button(Icon::Speech, "Screen reader mode", props.on_screen_reader.reform(|_| ()), Some(props.screen_reader)) }
                { button(Icon::Wide, "Full screen", Callback::from(|_| keys::press(Shortcut::FullScreen)), None) }
            </div>
        </>
    }
}

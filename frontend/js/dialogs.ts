// What a terminal asks before it does something that cannot be undone. Loaded when it first asks.

import { button, make } from "./element";

export type Question = {
  title: string;
  text: string;
  /// What it is about, as it is.
  detail?: string;
  /// What to do, the first being what Enter does; not to do anything comes by itself.
  answers: string[];
  /// Whether it comes unasked for, while the visitor may be typing: then Enter does nothing.
  unasked?: boolean;
};

let number = 0;

/// Asks; the answer, or nothing when the visitor wants none of them.
export function ask(host: HTMLElement, question: Question): Promise<string | undefined> {
  const id = `terminal-question-${(number += 1)}`;
  return new Promise((answered) => {
    const answer = (text?: string) => {
      dialog.close();
      dialog.remove();
      answered(text);
    };
    const answers = question.answers.map((text, index) =>
      button(text, text, () => answer(text), index === 0 ? "button button-accent" : "button"),
    );
    const cancel = button("Cancel", "Cancel", () => answer());
    const dialog = make(
      "dialog",
      { class: "dialog", attributes: { "aria-labelledby": id } },
      make("h2", { class: "dialog-title", text: question.title, attributes: { id } }),
      make("p", { class: "dialog-text", text: question.text }),
      ...(question.detail === undefined ? [] : [make("pre", { class: "terminal-glimpse", text: question.detail, attributes: { tabindex: "0" } })]),
      make("div", { class: "dialog-actions" }, cancel, ...answers.reverse()),
    );
    dialog.addEventListener("cancel", (event) => {
      event.preventDefault();
      answer();
    });
    // The terminal must not take keys that are the dialog's.
    dialog.addEventListener("keydown", (event) => event.stopPropagation());
    host.append(dialog);
    dialog.showModal();
    (question.unasked ? cancel : (answers.at(-1) ?? cancel)).focus();
  });
}

// Links in the output. A text that is an address opens it; a text that hides one says first where it leads.

import { WebLinksAddon } from "@xterm/addon-web-links";
import type { ILinkHandler, Terminal as Emulator } from "@xterm/xterm";

import type { Question } from "./dialogs";
import { safeTarget } from "./text";

export type Ask = (question: Question) => Promise<string | undefined>;

export function useLinks(emulator: Emulator, ask: Ask): void {
  emulator.loadAddon(new WebLinksAddon((_, uri) => open(uri)));
  emulator.options.linkHandler = linkHandler(ask);
}

/// For links that a program gives a text of its own (OSC 8).
function linkHandler(ask: Ask): ILinkHandler {
  return {
    allowNonHttpProtocols: true,
    activate: (_, uri) => {
      const target = safeTarget(uri);
      if (target === undefined) {
        void ask({ title: "This link is not opened", text: "It leads to something other than a page or a letter:", detail: uri, answers: [] });
        return;
      }
      const text = "The program in the terminal made this link. It leads to:";
      void ask({ title: "Open this link?", text, detail: target.href, answers: ["Open"] }).then((answer) => answer && open(uri));
    },
  };
}

function open(uri: string): void {
  const target = safeTarget(uri);
  if (target !== undefined) window.open(target.href, "_blank", "noopener,noreferrer");
}

// Further colours for terminals. `tests/themes.test.ts` checks that everything in them can be read.

import type { ITheme } from "@xterm/xterm";

/// By name, dark ones first. Those of the product itself are in static/css/tokens.css.
export const THEMES: Record<string, ITheme> = {
  Harbour: {
    background: "#12202f", foreground: "#dbe6f2", cursor: "#1cb2ce", cursorAccent: "#12202f", selectionBackground: "#214c56",
    black: "#202f3f", red: "#ea8881", green: "#64b577", yellow: "#cc9c42", blue: "#6ea6ed",
    magenta: "#ce8dd1", cyan: "#00b6bd", white: "#bbc5d1", brightBlack: "#7f8994", brightRed: "#f6a69f",
    brightGreen: "#8ac997", brightYellow: "#ddb673", brightBlue: "#91bef8", brightMagenta: "#dea9e0", brightCyan: "#63cad0",
    brightWhite: "#f0f6fc",
  },
  Moss: {
    background: "#142017", foreground: "#dce9de", cursor: "#7daf61", cursorAccent: "#142017", selectionBackground: "#37482d",
    black: "#232f25", red: "#e88780", green: "#61b274", yellow: "#ca9a41", blue: "#6ca4eb",
    magenta: "#cc8bd0", cyan: "#1bb3ba", white: "#bbc8bd", brightBlack: "#7e8a80", brightRed: "#f4a49d",
    brightGreen: "#89c795", brightYellow: "#dbb471", brightBlue: "#8fbcf6", brightMagenta: "#dca7de", brightCyan: "#61c8ce",
    brightWhite: "#f1f7f2",
  },
  Dusk: {
    background: "#26192f", foreground: "#e9e1ef", cursor: "#d588ce", cursorAccent: "#26192f", selectionBackground: "#543b52",
    black: "#35273f", red: "#ee857e", green: "#5cb572", yellow: "#cf9a35", blue: "#69a6f3",
    magenta: "#d18ad5", cyan: "#00b6bd", white: "#c8c1ce", brightBlack: "#8d8692", brightRed: "#faa39c",
    brightGreen: "#84c992", brightYellow: "#deb36a", brightBlue: "#8dbefd", brightMagenta: "#e0a7e3", brightCyan: "#56cad0",
    brightWhite: "#f7f3fa",
  },
  Ember: {
    background: "#221812", foreground: "#f0e1d9", cursor: "#df8a4b", cursorAccent: "#221812", selectionBackground: "#543925",
    black: "#312620", red: "#eb827b", green: "#59b26f", yellow: "#ca962f", blue: "#64a1ee",
    magenta: "#cd87d1", cyan: "#12b0b7", white: "#cfc1b9", brightBlack: "#8f817a", brightRed: "#f59f97",
    brightGreen: "#81c68f", brightYellow: "#dab067", brightBlue: "#88b9f7", brightMagenta: "#dda3e0", brightCyan: "#52c7cd",
    brightWhite: "#fbf3ef",
  },
  Ink: {
    background: "#000000", foreground: "#e4e4e4", cursor: "#c59c01", cursorAccent: "#000000", selectionBackground: "#3d3210",
    black: "#1c1c1c", red: "#ff756e", green: "#33b75f", yellow: "#d29710", blue: "#57a2fe",
    magenta: "#dc7ee2", cyan: "#17b2b9", white: "#c4c4c4", brightBlack: "#767676", brightRed: "#fea69e",
    brightGreen: "#72d088", brightYellow: "#ebb34a", brightBlue: "#90bffc", brightMagenta: "#efa3f3", brightCyan: "#10d0d8",
    brightWhite: "#f5f5f5",
  },
  Fog: {
    background: "#ebeff2", foreground: "#1e252b", cursor: "#006a9e", cursorAccent: "#ebeff2", selectionBackground: "#b1d3ec",
    black: "#1e252b", red: "#a74541", green: "#107537", yellow: "#855e02", blue: "#2b66ae",
    magenta: "#8d4b92", cyan: "#007176", white: "#5d666d", brightBlack: "#636c72", brightRed: "#9f3332",
    brightGreen: "#02672d", brightYellow: "#775300", brightBlue: "#1058a7", brightMagenta: "#843b89", brightCyan: "#006368",
    brightWhite: "#0c1318",
  },
  Sand: {
    background: "#f8efde", foreground: "#282319", cursor: "#a04f27", cursorAccent: "#f8efde", selectionBackground: "#edc6b5",
    black: "#282319", red: "#a44b46", green: "#1f743b", yellow: "#875f05", blue: "#3167a9",
    magenta: "#8c5090", cyan: "#007176", white: "#6b6559", brightBlack: "#716b5f", brightRed: "#9a3835",
    brightGreen: "#04672d", brightYellow: "#775301", brightBlue: "#1c5aa3", brightMagenta: "#834087", brightCyan: "#016367",
    brightWhite: "#161107",
  },
  Paper: {
    background: "#ffffff", foreground: "#242424", cursor: "#1452b6", cursorAccent: "#ffffff", selectionBackground: "#cddffd",
    black: "#242424", red: "#a92227", green: "#06652d", yellow: "#735101", blue: "#0256a9",
    magenta: "#8a3091", cyan: "#066166", white: "#585858", brightBlack: "#747474", brightRed: "#9d0317",
    brightGreen: "#005925", brightYellow: "#664700", brightBlue: "#024b95", brightMagenta: "#821789", brightCyan: "#085559",
    brightWhite: "#121212",
  },
};

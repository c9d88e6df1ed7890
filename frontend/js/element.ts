// Elements, made in one line each.

type Parts = { class?: string; text?: string; attributes?: Record<string, string>; onclick?: (event: MouseEvent) => void };

export function make<K extends keyof HTMLElementTagNameMap>(name: K, parts: Parts = {}, ...children: Node[]): HTMLElementTagNameMap[K] {
  const element = document.createElement(name);
  if (parts.class) element.className = parts.class;
  if (parts.text !== undefined) element.textContent = parts.text;
  for (const [key, value] of Object.entries(parts.attributes ?? {})) element.setAttribute(key, value);
  if (parts.onclick) element.addEventListener("click", parts.onclick as EventListener);
  element.append(...children);
  return element;
}

export function button(name: string, text: string, act: () => void, kind = "button"): HTMLButtonElement {
  return make("button", { class: kind, text, attributes: { type: "button", ...(name === text ? {} : { "aria-label": name, title: name }) }, onclick: act });
}

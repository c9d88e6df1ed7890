// Ports: what listens in a container is seen, and what it serves opens.

import assert from "node:assert/strict";
import { visitor } from "../browser.mjs";

const see = visitor();

see("a server in the container shows as a chip, and a click opens what it serves", {}, async (page, porthole) => {
  await page.launch();
  await page.run("mkdir /www && echo '<h1>Served from inside</h1>' > /www/index.html && httpd -p 8000 -h /www");
  const { url, text } = await page.openPort(8000);
  assert.match(text, /Served from inside/);
  assert.notEqual(new URL(url).origin, new URL(porthole.url).origin, "a preview has an origin of its own");
  await page.picture("ports");
  await page.expectAccessible();
  await page.reload();
  await page.dom.getByRole("link", { name: "Preview of port 8000" }).waitFor();
  await page.closePort(8000);
  const closed = await fetch(url).catch(() => ({ status: 0 }));
  assert.notEqual(closed.status, 200);
});

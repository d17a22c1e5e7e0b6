// Serves page.mjs with its packages in one file, opens it as told by VISITS, and prints what each visit came to.
import { createServer } from "node:http";
import { build } from "esbuild";
import { launch } from "./browsing.mjs";

const { outputFiles } = await build({
  entryPoints: ["page.mjs"],
  bundle: true,
  write: false,
  format: "iife",
  platform: "browser",
  logLevel: "warning",
});
const files = {
  "/page.js": ["text/javascript", outputFiles[0].contents],
  "/": ["text/html", '<!doctype html><meta charset="utf-8"><link rel="icon" href="data:,"><script src="/page.js"></script>'],
};
const server = createServer((request, response) => {
  const [contentType, body] = files[new URL(request.url, "http://page").pathname];
  response.setHeader("Content-Type", contentType);
  response.end(body);
});
await new Promise((resolve) => server.listen(Number(process.env.PORT), resolve));

const browser = await launch();
const results = await Promise.all(JSON.parse(process.env.VISITS).map(visit));
await browser.close();
console.log(JSON.stringify(results));
process.exit();

/** Open the page at an origin, and answer what it sent and how that was answered. */
async function visit({ origin, ...settings }) {
  const page = await browser.newPage();
  const requests = [];
  page.on("response", (response) => {
    const request = response.request();
    const { pathname, searchParams, port } = new URL(request.url());
    if (port === process.env.PORT) return;
    requests.push({
      path: pathname,
      query: Object.fromEntries(searchParams),
      sent: request.headers(),
      status: response.status(),
      answered: response.headers(),
    });
  });
  await page.addInitScript((given) => (window.settings = given), settings);
  await page.goto(origin);
  const made = await page.evaluate(() => window.visited);
  await page.close();
  return { ...made, requests };
}

// Serves the module PAGE with its packages in one file, opens it as told by VISITS, and prints what each visit came to.
import { createServer } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import { build } from "esbuild";
import { launch } from "./browsing.mjs";

const { outputFiles } = await build({
  entryPoints: [process.env.PAGE],
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
  // Without this header a browser lets no page profile itself.
  response.writeHead(200, { "Content-Type": contentType, "Document-Policy": "js-profiling" });
  response.end(body);
});
await new Promise((resolve) => server.listen(Number(process.env.PORT), resolve));
const ownOrigin = `http://localhost:${server.address().port}`;

const browser = await launch();
const results = await Promise.all(JSON.parse(process.env.VISITS).map(visit));
await browser.close();
console.log(JSON.stringify(results));
process.exit();

/** Open the page at an origin, and answer what it sent and how that was answered. */
async function visit({ origin = ownOrigin, ...settings }) {
  const page = await browser.newPage();
  const requests = [];
  const unanswered = new Set();
  page.on("request", (request) => unanswered.add(request));
  page.on("requestfailed", (request) => unanswered.delete(request));
  page.on("response", (response) => {
    const request = response.request();
    unanswered.delete(request);
    const url = new URL(request.url());
    if (url.origin === origin) return;
    requests.push({
      path: url.pathname,
      query: Object.fromEntries(url.searchParams),
      sent: request.headers(),
      status: response.status(),
      answered: response.headers(),
    });
  });
  // A page can cut its connection itself.
  await page.exposeFunction("setOffline", (isOffline) => page.context().setOffline(isOffline));
  await page.addInitScript((given) => (window.settings = given), settings);
  await page.goto(origin);
  const made = await page.evaluate(() => window.visited);
  // What an SDK sends last, it sends once the page is done.
  await page.evaluate(() => new Promise((resolve) => setTimeout(resolve)));
  while (unanswered.size) await sleep(10);
  await page.close();
  return { ...made, requests };
}

// Uses what users set and call beside errors and traces; DSN, tunnel and marker come from the environment.
import { createServer, get } from "node:http";
import * as Sentry from "@sentry/node";
import { makeOfflineTransport } from "@sentry/core";

const marker = process.env.MARKER;
const kept = [];
const store = {
  push: async (envelope) => void kept.push(envelope),
  unshift: async (envelope) => void kept.unshift(envelope),
  shift: async () => kept.shift(),
};
let isOnline = false;
const answers = [];

Sentry.init({
  tunnel: process.env.TUNNEL,
  release: "shop@4.5.6",
  dist: "linux-7",
  environment: "from-node",
  serverName: "host-1",
  initialScope: { tags: { marker } },
  attachStacktrace: true,
  maxBreadcrumbs: 3,
  transport: makeOfflineTransport(Sentry.makeNodeTransport),
  transportOptions: { createStore: () => store, shouldSend: () => isOnline },
  beforeSend: (event) => (event.message === "left out" ? null : event),
  // Counts the sessions of requests to a server of this process, and tells them so long after the first.
  integrations: [Sentry.httpIntegration({ spans: false, sessionFlushingDelayMS: 100 })],
});
Sentry.getClient().on("afterSendEvent", (event, { statusCode }) => answers.push([event.event_id, statusCode]));

const offlineId = Sentry.captureMessage("while offline");
await Sentry.flush(1000);
const keptCount = kept.length;
isOnline = true;

for (const step of [1, 2, 3, 4]) Sentry.addBreadcrumb({ message: `step ${step}` });
const onlineId = Sentry.captureMessage("online again", "warning");
Sentry.captureMessage("left out");
const feedbackId = Sentry.captureFeedback(
  { message: "The cart is empty", name: "Ann", email: "ann@example.com", associatedEventId: onlineId },
  { attachments: [{ filename: "cart.txt", data: `items of ${marker}`, contentType: "text/plain" }] },
);
Sentry.withMonitor(`nightly-${marker}`, () => undefined, {
  schedule: { type: "crontab", value: "0 3 * * *" },
  maxRuntime: 5,
});
Sentry.captureCheckIn({ monitorSlug: `hourly-${marker}`, status: "error", duration: 1.5 });
const server = createServer((_request, response) => response.end());
await new Promise((resolve) => server.listen(0, resolve));
for (let count = 0; count < 3; count += 1) {
  await new Promise((resolve) => get({ port: server.address().port }, (response) => response.resume().on("end", resolve)));
}
server.close();
Sentry.metrics.count("orders", 2, { attributes: { shop: "a" } });
Sentry.metrics.distribution("latency", 12.5, { unit: "millisecond" });
await Sentry.flush(5000);
// A success lets the offline transport send what it kept, shortly after.
while (kept.length || answers.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));

console.log(JSON.stringify({ offlineId, onlineId, feedbackId, keptCount, answers }));
// Sends the session of this process and what was left out, for the client report.
Sentry.endSession();
await Sentry.close(5000);

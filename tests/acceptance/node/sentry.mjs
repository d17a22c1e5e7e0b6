// Sends an exception with locals and an attachment, a trace and a log; the DSN comes from SENTRY_DSN.
import * as Sentry from "@sentry/node";

const marker = process.env.MARKER;
Sentry.init({
  environment: "from-node",
  release: "shop@4.5.6",
  tracesSampleRate: 1,
  // "stream" (this SDK's default) sends span containers, "static" a transaction as older SDKs do.
  traceLifecycle: process.env.TRACE_LIFECYCLE,
  enableLogs: true,
});

function charge(orderNumber) {
  const amount = 1999;
  throw new RangeError(`order ${orderNumber} cannot be charged with ${amount}`);
}

let eventId;
let traceId;
Sentry.setUser({ id: 7, email: "ann@example.com" });
Sentry.setTag("marker", marker);
Sentry.startSpan({ name: `GET /${marker}`, op: "http.server" }, (span) => {
  traceId = span.spanContext().traceId;
  Sentry.startSpan({ name: "SELECT 1", op: "db.query" }, () => undefined);
  Sentry.logger.warn(`low stock ${marker}`, { left: 3 });
  try {
    charge(42);
  } catch (error) {
    eventId = Sentry.withScope((scope) => {
      scope.addAttachment({ filename: "cart.bin", data: Uint8Array.from({ length: 256 }, (_, byte) => byte) });
      return Sentry.captureException(error);
    });
  }
});

const isFlushed = await Sentry.flush(10_000);
console.log(JSON.stringify({ eventId, traceId, isFlushed }));
await Sentry.close(1000);

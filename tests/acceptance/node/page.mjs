// Runs in a page of another origin than the gateway's.
import { SpanStatusCode } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import * as Sentry from "@sentry/browser";

const { dsn, tunnel, otlpUrl, token, marker } = window.settings;

/** Send an error, a trace and a log, and answer what the gateway said to the error. */
async function bySentry() {
  const answers = {};
  Sentry.init({
    dsn,
    tunnel,
    release: "shop@4.5.6",
    environment: "from-browser",
    tracesSampleRate: 1,
    enableLogs: true,
    integrations: [Sentry.browserTracingIntegration({ instrumentPageLoad: false })],
  });
  Sentry.getClient().on("afterSendEvent", (event, answer) => (answers[event.event_id] = answer));
  Sentry.setTag("marker", marker);
  const { eventId, traceId } = Sentry.startSpan({ name: `checkout ${marker}`, op: "ui.action" }, (span) => {
    Sentry.startSpan({ name: "charge", op: "function" }, () => undefined);
    Sentry.logger.warn(`low stock ${marker}`, { left: 3 });
    return {
      eventId: Sentry.captureException(new RangeError(`no stock ${marker}`)),
      traceId: span.spanContext().traceId,
    };
  });
  await Sentry.flush(5000);
  return { eventId, traceId, answer: answers[eventId] ?? {} };
}

/** Send a span by OTLP, and answer whether the exporter was told that it was taken. */
async function byOpenTelemetry() {
  const exporter = new OTLPTraceExporter({ url: otlpUrl, headers: { "X-API-Key": token } });
  const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const span = provider.getTracer("page").startSpan(`otlp ${marker}`);
  span.setStatus({ code: SpanStatusCode.OK });
  span.end();
  const isTaken = await provider.forceFlush().then(
    () => true,
    () => false,
  );
  return { traceId: span.spanContext().traceId, isTaken };
}

window.visited = Promise.all([bySentry(), byOpenTelemetry()]).then(([sentry, otlp]) => ({ sentry, otlp }));

// Runs in a page of another origin than the gateway's.
import { context, SpanStatusCode, trace } from "@opentelemetry/api";
import * as jsonLogs from "@opentelemetry/exporter-logs-otlp-http";
import * as protobufLogs from "@opentelemetry/exporter-logs-otlp-proto";
import * as jsonMetrics from "@opentelemetry/exporter-metrics-otlp-http";
import * as protobufMetrics from "@opentelemetry/exporter-metrics-otlp-proto";
import * as jsonTraces from "@opentelemetry/exporter-trace-otlp-http";
import * as protobufTraces from "@opentelemetry/exporter-trace-otlp-proto";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import * as Sentry from "@sentry/browser";
import { watched } from "./watched.mjs";

const { dsn, tunnel, ingestUrl, token, marker } = window.settings;

const FORMS = {
  "application/json": { ...jsonTraces, ...jsonLogs, ...jsonMetrics },
  "application/x-protobuf": { ...protobufTraces, ...protobufLogs, ...protobufMetrics },
};

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

/** Send each signal in a form of OTLP, and answer how many exporters were told that it was taken. */
async function byOpenTelemetry([contentType, { OTLPTraceExporter, OTLPLogExporter, OTLPMetricExporter }]) {
  const answers = [];
  const to = (signal) => ({ url: `${ingestUrl}/v1/${signal}`, headers: { "X-API-Key": token } });
  const spans = new TracerProvider({
    spanProcessors: [new SimpleSpanProcessor({ exporter: watched(new OTLPTraceExporter(to("traces")), answers) })],
  });
  // The simple processor of logs flushes without waiting for what it has begun to export.
  const logs = new LoggerProvider({
    processors: [new BatchLogRecordProcessor({ exporter: watched(new OTLPLogExporter(to("logs")), answers) })],
  });
  const metrics = new MeterProvider({
    readers: [
      new PeriodicExportingMetricReader({ exporter: watched(new OTLPMetricExporter(to("metrics")), answers) }),
    ],
  });
  const span = spans.getTracer("page").startSpan(`otlp ${marker}`);
  span.setStatus({ code: SpanStatusCode.OK });
  span.end();
  logs.getLogger("page").emit({ body: `low stock ${marker}`, context: trace.setSpan(context.active(), span) });
  metrics.getMeter("page").createCounter("charges").add(1, { marker, contentType });
  // That of traces rejects where its export was refused.
  await Promise.allSettled([spans.forceFlush(), logs.forceFlush(), metrics.forceFlush()]);
  return { traceId: span.spanContext().traceId, takenCount: answers.filter((isTaken) => isTaken).length };
}

const entries = Object.entries(FORMS);
const byForm = Promise.all(entries.map(byOpenTelemetry)).then((made) =>
  Object.fromEntries(entries.map(([contentType], at) => [contentType, made[at]])),
);
window.visited = Promise.all([bySentry(), byForm]).then(([sentry, otlp]) => ({ sentry, otlp }));

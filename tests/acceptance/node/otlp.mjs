// Sends spans, logs and metrics by OTLP/HTTP; where to, how and with which headers comes from OpenTelemetry's own
// environment variables, as its users set them.
import { context, SeverityNumber, SpanKind, SpanStatusCode, trace, ValueType } from "@opentelemetry/api";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { AggregationType, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { watched } from "./watched.mjs";

// Each form of a signal is a package of its own.
const form = { "http/json": "http", "http/protobuf": "proto" }[process.env.OTEL_EXPORTER_OTLP_PROTOCOL];
const { OTLPTraceExporter } = await import(`@opentelemetry/exporter-trace-otlp-${form}`);
const { OTLPLogExporter } = await import(`@opentelemetry/exporter-logs-otlp-${form}`);
const { OTLPMetricExporter } = await import(`@opentelemetry/exporter-metrics-otlp-${form}`);

const answers = [];
const resource = resourceFromAttributes({
  "service.name": process.env.OTEL_SERVICE_NAME,
  "deployment.environment.name": "from-node",
});
const spans = new TracerProvider({
  resource,
  spanProcessors: [new BatchSpanProcessor({ exporter: watched(new OTLPTraceExporter(), answers) })],
});
const logs = new LoggerProvider({
  resource,
  processors: [new BatchLogRecordProcessor({ exporter: watched(new OTLPLogExporter(), answers) })],
});
const metrics = new MeterProvider({
  resource,
  readers: [
    new PeriodicExportingMetricReader({
      exporter: watched(new OTLPMetricExporter(), answers),
      exportIntervalMillis: 3_600_000,
    }),
  ],
  views: [{ instrumentName: "sizes", aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } }],
});

const tracer = spans.getTracer("acceptance-node", "1.2.3");
const root = tracer.startSpan("checkout", {
  kind: SpanKind.SERVER,
  attributes: { text: "naïve ✓", whole: 42, broken: 0.5, yes: true, list: ["a", "b"] },
});
const inRoot = trace.setSpan(context.active(), root);
const child = tracer.startSpan("charge", { kind: SpanKind.CLIENT, links: [{ context: root.spanContext() }] }, inRoot);
child.addEvent("declined", { attempt: 1 });
child.setStatus({ code: SpanStatusCode.ERROR, message: "card declined" });
child.end();
root.end();

const logger = logs.getLogger("acceptance-node", "1.2.3");
logger.emit({
  severityNumber: SeverityNumber.WARN,
  severityText: "WARN",
  body: "stock of tea is low",
  attributes: { left: 3 },
  context: inRoot,
});
logger.emit({
  severityNumber: SeverityNumber.ERROR,
  body: { order: 42, items: ["tea", null], raw: new Uint8Array([0, 255]) },
  eventName: "charge.failed",
});

const meter = metrics.getMeter("acceptance-node", "1.2.3");
meter.createCounter("orders", { unit: "{order}", valueType: ValueType.INT }).add(41, { shop: "a" });
meter.createUpDownCounter("carts", { valueType: ValueType.INT }).add(-2);
meter.createGauge("temperature", { unit: "Cel" }).record(20.5);
const latency = meter.createHistogram("latency", { advice: { explicitBucketBoundaries: [10, 100] } });
for (const value of [5, 50, 50, 500]) latency.record(value);
const sizes = meter.createHistogram("sizes");
for (const value of [0, 1, 2, 1024]) sizes.record(value);

await Promise.all([spans.forceFlush(), logs.forceFlush(), metrics.forceFlush()]);
if (answers.length !== 3 || answers.some((isTaken) => !isTaken)) throw new Error(`Of three exports: ${answers}.`);

const { traceId, spanId } = root.spanContext();
console.log(JSON.stringify({ traceId, rootId: spanId, childId: child.spanContext().spanId }));
// Shutting the metrics down would export them once more.
process.exit();

// Sends a trace as OTLP/HTTP JSON; endpoint and headers come from OpenTelemetry's own environment variables.
import { context, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";

const provider = new TracerProvider({
  resource: resourceFromAttributes({
    "service.name": process.env.OTEL_SERVICE_NAME,
    "deployment.environment.name": "from-node",
  }),
  spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter() })],
});
const tracer = provider.getTracer("acceptance-node", "1.2.3");

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

// Rejects, and so fails this program, when the exporter was not answered with success.
await provider.forceFlush();
await provider.shutdown();

const { traceId, spanId } = root.spanContext();
console.log(JSON.stringify({ traceId, rootId: spanId, childId: child.spanContext().spanId }));

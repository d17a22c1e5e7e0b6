// Profiles itself as LIFECYCLE says: "trace" is while there are spans, "manual" what the program begins and ends.
// The profiler asks for one exact version of the SDK; package.json gives it the one that all scripts have.
import * as Sentry from "@sentry/node";
import { nodeProfilingIntegration } from "@sentry/profiling-node";

const { LIFECYCLE: profileLifecycle, TRACE_LIFECYCLE: traceLifecycle } = process.env;
Sentry.init({
  release: "shop@4.5.6",
  tracesSampleRate: 1,
  traceLifecycle,
  integrations: [nodeProfilingIntegration()],
  profileSessionSampleRate: 1,
  profileLifecycle,
});

/** Be seen by the profiler, which looks a hundred times a second. */
function work() {
  const end = performance.now() + 100;
  let sum = 0;
  while (performance.now() < end) sum += Math.sqrt(sum + 1);
}

if (profileLifecycle === "manual") Sentry.profiler.startProfiler();
const traceId = Sentry.startSpan({ name: "checkout", op: "task" }, (span) => {
  work();
  return span.spanContext().traceId;
});
if (profileLifecycle === "manual") Sentry.profiler.stopProfiler();
const isFlushed = await Sentry.flush(10_000);
await Sentry.close(10_000);
console.log(JSON.stringify({ traceId, isFlushed }));

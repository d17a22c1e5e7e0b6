// Runs in a page, and uses what users of Sentry's SDK set and call there beside errors, traces and logs.
import * as Sentry from "@sentry/browser";

const { dsn, use } = window.settings;

function start(options) {
  Sentry.init({ dsn, release: "shop@4.5.6", environment: "from-browser", ...options });
}

const STORAGE = "sentry-offline";
const pause = () => new Promise((resolve) => setTimeout(resolve, 20));

/** Wait until so many envelopes wait in the browser's storage, which the SDK makes once it has something to keep. */
async function untilKept(count) {
  while (!(await indexedDB.databases()).some(({ name }) => name === STORAGE)) await pause();
  const database = await done(indexedDB.open(STORAGE));
  while ((await done(database.transaction("queue").objectStore("queue").count())) !== count) await pause();
  database.close();
}

/** Answer what a request of the browser's storage comes to. */
function done(request) {
  return new Promise((resolve) => (request.onsuccess = () => resolve(request.result)));
}

/** Be seen by a profiler, which looks a hundred times a second. */
function work() {
  const end = performance.now() + 200;
  let sum = 0;
  while (performance.now() < end) sum += Math.sqrt(sum + 1);
}

const bytes = Uint8Array.from({ length: 256 }, (_, byte) => byte);
const uses = {
  /** Lose the connection, and find it again. */
  async offline() {
    start({ enableLogs: true, transport: Sentry.makeBrowserOfflineTransport(Sentry.makeFetchTransport) });
    const onlineId = Sentry.captureMessage("online");
    await Sentry.flush(10_000);
    await window.setOffline(true);
    const offlineIds = ["first", "second"].map((name) =>
      Sentry.withScope((scope) => {
        scope.addAttachment({ filename: `${name}.bin`, data: bytes });
        return Sentry.captureException(new RangeError(`${name} while offline`));
      }),
    );
    Sentry.logger.warn("while offline");
    void Sentry.flush();
    await untilKept(offlineIds.length + 1);
    await window.setOffline(false);
    // The SDK hears of it from the browser, and sends one after the other.
    await untilKept(0);
    return { onlineId, offlineIds };
  },

  /** Be profiled by the browser. */
  async profile() {
    start({
      tracesSampleRate: 1,
      profileSessionSampleRate: 1,
      profileLifecycle: "trace",
      integrations: [
        Sentry.browserTracingIntegration({ instrumentPageLoad: false }),
        Sentry.browserProfilingIntegration(),
      ],
    });
    const isProfiled = new Promise((resolve) =>
      Sentry.getClient().on("beforeEnvelope", ([, [[{ type }]]]) => type === "profile_chunk" && resolve()),
    );
    Sentry.startSpan({ name: "checkout", op: "task", forceTransaction: true }, work);
    await isProfiled;
    await Sentry.flush(10_000);
  },

  /** Send feedback, metrics, an attachment and a replay. */
  async more() {
    start({
      replaysSessionSampleRate: 1,
      integrations: [Sentry.replayIntegration({ minReplayDuration: 0 })],
    });
    const eventId = Sentry.withScope((scope) => {
      scope.addAttachment({ filename: "cart.bin", data: bytes });
      return Sentry.captureException(new RangeError("no stock"));
    });
    const feedbackId = Sentry.captureFeedback({ message: "The cart is empty", email: "ann@example.com" });
    Sentry.metrics.count("orders", 2, { attributes: { shop: "a" } });
    Sentry.metrics.distribution("latency", 12.5, { unit: "millisecond" });
    Sentry.metrics.gauge("carts", 3);
    const replay = Sentry.getReplay();
    const replayId = replay.getReplayId();
    await replay.stop();
    await Sentry.flush(10_000);
    return { eventId, feedbackId, replayId };
  },
};

// A replay begins with the page once it is there.
window.visited = new Promise((resolve) => window.addEventListener("load", resolve)).then(uses[use]);

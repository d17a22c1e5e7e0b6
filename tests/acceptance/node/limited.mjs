// What Sentry's clients under Node.js and in the browser both do where a category is limited.

/** Send something that is answered with the limit, then some of everything; answer how the first was answered. */
export async function sendLimited(Sentry, first) {
  const statuses = [];
  Sentry.getClient().on("afterSendEvent", (_event, { statusCode }) => statuses.push(statusCode));
  const trace = (name, op) =>
    Sentry.startSpan({ name, forceTransaction: true }, () =>
      Sentry.startSpan({ name: `${name} child`, op }, () => undefined),
    );
  const firsts = {
    error: () => Sentry.captureMessage("first"),
    trace: () => trace("first", "task"),
    model: () => trace("first", "gen_ai.chat"),
  };

  firsts[first]();
  await Sentry.flush(10_000);
  trace("second", "task");
  Sentry.captureMessage("second");
  Sentry.logger.warn("second");
  Sentry.metrics.count("second", 1);
  await Sentry.flush(10_000);
  return { firstStatus: statuses[0] };
}

// Sends to where a category is limited; the DSN comes from SENTRY_DSN.
import * as Sentry from "@sentry/node";
import { sendLimited } from "./limited.mjs";

Sentry.init({ tracesSampleRate: 1, traceLifecycle: process.env.TRACE_LIFECYCLE, enableLogs: true });
console.log(JSON.stringify(await sendLimited(Sentry, process.env.FIRST)));
await Sentry.close(10_000);

// Runs in a page, and sends to where a category is limited.
import * as Sentry from "@sentry/browser";
import { sendLimited } from "./limited.mjs";

const { dsn, first, traceLifecycle } = window.settings;
Sentry.init({ dsn, tracesSampleRate: 1, traceLifecycle, enableLogs: true });

/** Do what a browser does when a user turns away from the page: then the SDK sends its report. */
function hide() {
  Object.defineProperty(document, "visibilityState", { value: "hidden" });
  document.dispatchEvent(new Event("visibilitychange"));
}

window.visited = sendLimited(Sentry, first);
window.visited.then(hide);

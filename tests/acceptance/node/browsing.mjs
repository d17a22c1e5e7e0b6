// A headless browser: on Linux the one from npm, with the libraries that it needs; elsewhere the Chrome that is installed.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const PACKAGE = dirname(dirname(fileURLToPath(import.meta.resolve("@sparticuz/chromium"))));
export const PACKED = join(PACKAGE, "bin");
export const UNPACKED = join(PACKAGE, "unpacked");

/** Start the browser; the caller closes it. */
export function launch() {
  if (process.platform !== "linux" || process.arch !== "x64") return chromium.launch({ channel: "chrome" });
  return chromium.launch({
    executablePath: join(UNPACKED, "chromium"),
    env: {
      ...process.env,
      LD_LIBRARY_PATH: join(UNPACKED, "al2023", "lib"),
      FONTCONFIG_PATH: join(UNPACKED, "fonts"),
    },
  });
}

// Unpacks the browser, which lies in its package compressed, beside the package; `launch` in browsing.mjs starts it.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { inflate } from "@sparticuz/chromium";
import { PACKED, UNPACKED } from "./browsing.mjs";

mkdirSync(UNPACKED, { recursive: true });
// The package unpacks to the folder for temporary files.
process.env.TMPDIR = UNPACKED;
await Promise.all(["chromium.br", "al2023.tar.br", "fonts.tar.br"].map((name) => inflate(join(PACKED, name))));

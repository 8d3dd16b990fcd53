#!/usr/bin/env node
// The command line proper is compiled; this file only says what to do when it is not.
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (!existsSync(main)) {
  process.stderr.write(
    "sluice: not built yet. Run `npm install` (or `npm run build`) in the project folder.\n",
  );
  process.exit(70);
}
await import(main.href);

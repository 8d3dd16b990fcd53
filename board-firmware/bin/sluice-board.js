#!/usr/bin/env node
// The runtime proper is compiled; this file only says what to do when it is not.
import { existsSync } from "node:fs";

const command = new URL("../dist/command.js", import.meta.url);
if (!existsSync(command)) {
  process.stderr.write(
    "sluice-board: not built yet. Run `npm install` (or `npm run build`) in the project folder.\n",
  );
  process.exit(70);
}
const { boardCommand } = await import(command.href);
await boardCommand("sluice-board").parseAsync();

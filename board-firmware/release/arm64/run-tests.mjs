/**
 * Runs test files of the repository against an installed release, with the Node.js it brings:
 *
 *   SLUICE_REPOSITORY=DIR SLUICE_APP=DIR node run-tests.mjs test/board-firmware/emulated-device.test.ts ...
 *
 * Node strips the types; @sluice packages come from the installed application, not from the repository.
 */
import { existsSync } from "node:fs";
import { registerHooks } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const { SLUICE_REPOSITORY, SLUICE_APP } = process.env;
const shim = new URL("./vitest-shim.mjs", import.meta.url).href;
const app = pathToFileURL(join(SLUICE_APP, "app.js")).href;

registerHooks({
  resolve(specifier, context, next) {
    if (specifier === "vitest") return { url: shim, shortCircuit: true };
    // What has parts for one machine only comes from there as well.
    if (specifier.startsWith("@sluice/") || specifier === "koffi") {
      return next(specifier, { ...context, parentURL: app });
    }
    if (specifier.startsWith(".") && specifier.endsWith(".js") && context.parentURL) {
      const source = new URL(specifier.replace(/\.js$/, ".ts"), context.parentURL);
      if (source.protocol === "file:" && existsSync(fileURLToPath(source))) return next(source.href, context);
    }
    return next(specifier, context);
  },
});

for (const file of process.argv.slice(2)) await import(pathToFileURL(join(SLUICE_REPOSITORY, file)).href);

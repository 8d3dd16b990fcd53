/** The resources of a design module by module, and the longest path through all of them. */
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { elaborate } from "./elaborate.mjs";
import { logicDepth } from "./logic-depth.mjs";
import { mapModule, splitModules } from "./module-mapper.mjs";
import { addResources, countResources, emptyResources } from "./resources.mjs";

/**
 * @param {{ sources: string[], top: string, parameters?: Record<string, number>, work: string, only?: string,
 *   progress?: (line: string) => void }} design `work` keeps mapped modules for the next run; `only` names a module to
 *   take for the top
 * @returns {{ modules: object[], total: object, depth: object, failed: { name: string, reason: string }[] }} modules
 *   parents first, each with its `own` resources, those with everything below it (`inclusive`), how often it occurs
 *   (`times`) and the LUT levels of the longest path that ends in it (`levels`). A module that could not be mapped
 *   counts nothing and is named in `failed`; there is no `depth` then.
 */
export function synthesize({ sources, top, parameters = {}, work, only = top, progress = () => {} }) {
  const scratch = join(work, `scratch-${process.pid}`);
  mkdirSync(scratch, { recursive: true });
  try {
    progress("elaborating");
    const modules = splitModules(elaborate({ sources, top, parameters, work: scratch }));
    if (!modules.has(only)) {
      throw new Error(`There is no module ${only}; there are ${[...modules.keys()].sort().join(", ")}.`);
    }
    const order = parentsFirst(modules, only);
    const mapped = new Map();
    const failed = [];
    for (const [index, name] of order.entries()) {
      progress(`mapping ${index + 1} of ${order.length}: ${name}`);
      try {
        mapped.set(name, mapModule(modules, name, { cache: join(work, "mapped"), work: scratch }));
      } catch (error) {
        failed.push({ name, reason: error.message });
      }
    }
    progress("longest path");
    const netlist = {
      modules: Object.fromEntries([...mapped].map(([name, result]) => [name, result.netlist])),
    };
    const depth = failed.length === 0 ? logicDepth(netlist, only) : undefined;
    return { ...table(order, mapped, only, depth), depth, failed };
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** A module comes before everything below it. */
function parentsFirst(modules, top) {
  const seen = new Set();
  const order = [];
  const visit = (name) => {
    if (seen.has(name)) return;
    seen.add(name);
    for (const child of modules.get(name).children) visit(child);
    order.push(name);
  };
  visit(top);
  return order.reverse();
}

function table(order, mapped, top, depth) {
  const cellsOf = (name) => mapped.get(name)?.cells ?? {};
  const children = (name) => Object.entries(cellsOf(name)).filter(([type]) => order.includes(type));
  const own = (name) =>
    countResources(
      Object.fromEntries(Object.entries(cellsOf(name)).filter(([type]) => !order.includes(type))),
    );
  const inclusive = new Map();
  for (const name of [...order].reverse()) {
    let sum = own(name);
    for (const [child, count] of children(name)) sum = addResources(sum, inclusive.get(child), count);
    inclusive.set(name, sum);
  }
  const times = new Map([[top, 1]]);
  for (const name of order) {
    for (const [child, count] of children(name)) {
      times.set(child, (times.get(child) ?? 0) + count * (times.get(name) ?? 0));
    }
  }
  const modules = order.map((name) => ({
    name,
    times: times.get(name) ?? 0,
    own: own(name),
    inclusive: inclusive.get(name),
    levels: depth?.modules[name],
    mappingSeconds: mapped.get(name)?.seconds,
  }));
  return { modules, total: inclusive.get(top) ?? emptyResources() };
}

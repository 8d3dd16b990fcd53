/** Leaves out classes at the ends that no layer uses or that are what their neighbours are: sums are clipped anyway. */
import type { ChosenLayer, ChosenModel } from "./finish-model.js";
import { extremes } from "./fit-axis.js";
import type { ModelTables, TableClass } from "./tables.js";

/** @param kept classes at the beginning that stay: 1 where class 0 is for dead channels */
export function trimClasses({ tables, layers }: ChosenModel, kept: number): ChosenModel {
  const { classes } = tables;
  const used = layers.map((layer) => usedClasses(layer));
  const most = Math.max(kept, ...used.map(([, high]) => high));
  let end = Math.min(classes.length, most + 1);
  while (end > kept + 1 && alike(classes[end - 1], classes[end - 2])) end -= 1;
  let start = kept > 0 ? 0 : Math.min(end - 1, ...used.map(([low]) => low));
  while (kept === 0 && start + 1 < end && alike(classes[start], classes[start + 1])) start += 1;
  if (start === 0 && end === classes.length) return { tables, layers };
  return {
    tables: withClasses(tables, classes.slice(start, end)),
    layers: layers.map((layer) => {
      const first = Math.max(0, layer.first - start);
      const a = layer.fit.a.map((value) => value + layer.first - start - first);
      return { ...layer, fit: { ...layer.fit, a }, first, last: end - start - 1 };
    }),
  };
}

/** The least and the largest class a layer may come to. */
function usedClasses({ fit, first, last }: ChosenLayer): [low: number, high: number] {
  const ranges = [fit.a, fit.b, fit.c].map(extremes);
  const [low, high] = [0, 1].map((side) => {
    const sum = ranges.reduce((total, range) => total + range[side], first);
    return Math.min(Math.max(sum, first), last);
  });
  return [low, high];
}

function alike(one: TableClass, other: TableClass): boolean {
  return (
    one.table === other.table &&
    one.shift === other.shift &&
    one.from === other.from &&
    one.tail === other.tail
  );
}

/** Only these classes, and the tables they use. */
function withClasses({ log, tables }: ModelTables, classes: readonly TableClass[]): ModelTables {
  const used = [...new Set(classes.map(({ table }) => table))].sort((left, right) => left - right);
  return {
    log,
    tables: used.map((table) => tables[table]),
    classes: classes.map((own) => ({ ...own, table: used.indexOf(own.table) })),
  };
}

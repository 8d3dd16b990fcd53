/** The passes every importer ends with, in their order. */
import type { FloatGraph } from "../../graph/float.js";
import { foldAffine } from "./fold-affine.js";
import { mergePadding } from "./merge-padding.js";
import { mergeShortcuts } from "./merge-shortcuts.js";
import { removeIdentities } from "./remove-identities.js";

/** Afterwards: no identity, no affine, no batch normalisation; slices and channel paddings only where unavoidable. */
export function simplifyFloatGraph(graph: FloatGraph): FloatGraph {
  return [removeIdentities, mergePadding, foldAffine, mergeShortcuts].reduce(
    (current, pass) => pass(current),
    graph,
  );
}

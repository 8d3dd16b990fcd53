/**
 * Tables of the `ans` codec are fitted to a whole model, so a change in one layer changes every stream. Where the board
 * still has the sections of the model's last deploy, the model is coded once more with the earlier tables: then only what
 * really changed travels.
 */
import { createHash } from "node:crypto";
import { codecChoice } from "@sluice/sdk/codec";
import { type CompiledModel, compile, type ImageSection } from "@sluice/sdk/compile";
import { SluiceError } from "@sluice/sdk/errors.js";
import { earlierWeights, readPackage, writePackage } from "@sluice/sdk/package";
import { toHex } from "@sluice/sdk/protocol";
import type { BoardSession } from "./board-session.js";
import type { CompiledDeployment } from "./deploy-job.js";

/** Earlier tables may make the weights this much larger than tables of their own; beyond it everything is sent. */
const MOST_GROWTH = 1.01;

/** @param earlier the package that was deployed last; @returns the deployment to send, or the one given */
export async function keepWhatTheBoardHas(
  deployment: CompiledDeployment,
  codec: string,
  session: Pick<BoardSession, "holds">,
  earlier: Uint8Array,
): Promise<CompiledDeployment> {
  const last = readable(() => readPackage(earlier).compiled);
  const { compiled, model, geometry, preprocessing } = deployment;
  if (model.packed || last === undefined || last.plan.geometry !== compiled.plan.geometry) return deployment;
  const sections = [...compiled.sections, ...last.sections];
  const hashes = sections.map(({ bytes }) => hashOf(bytes));
  const held = await session.holds(hashes);
  const onBoard = new Set(hashes.map(toHex).filter((_, index) => held[index]));
  const missing = missingBytes(compiled, onBoard);
  const lastIsThere = last.sections.some(
    ({ kind, bytes }) => kind === "weights" && onBoard.has(toHex(hashOf(bytes))),
  );
  if (missing === 0 || !lastIsThere) return deployment;
  const like = readable(() => earlierWeights(last));
  if (like === undefined) return deployment;
  const kept = compile(model.graph, { geometry, ...codecChoice(codec), like });
  const worthIt =
    missingBytes(kept, onBoard) < missing && codedBytes(kept) <= MOST_GROWTH * codedBytes(compiled);
  if (!worthIt) return deployment;
  return { ...deployment, compiled: kept, packageBytes: writePackage(kept, model.graph, preprocessing) };
}

/** What an earlier package holds; undefined where it is damaged or of an earlier format. */
function readable<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof SluiceError) return undefined;
    throw error;
  }
}

function hashOf(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

function missingBytes({ sections }: CompiledModel, onBoard: ReadonlySet<string>): number {
  return sumOf(sections.filter(({ bytes }) => !onBoard.has(toHex(hashOf(bytes)))));
}

function codedBytes({ sections }: CompiledModel): number {
  return sumOf(sections.filter(({ kind }) => kind === "weights" || kind === "tables"));
}

function sumOf(sections: readonly ImageSection[]): number {
  return sections.reduce((sum, { bytes }) => sum + bytes.length, 0);
}

/** The key of the process that started this one: the first line of standard input. */
import type { Readable } from "node:stream";
import { SecurityError } from "@sluice/sdk/errors.js";
import { fromHex } from "@sluice/sdk/protocol";
import { z } from "zod";
import { type BoardAccess, singleHostAccess } from "../security/index.js";

const keyLine = z.strictObject({
  board: z.string().regex(/^[0-9a-f]{32}$/),
  host: z.string().regex(/^[0-9a-f]{32}$/),
  key: z.string().regex(/^[0-9a-f]{64}$/),
});
const LONGEST_LINE = 1_000;

/** @throws {SecurityError} `bad-key-line` */
export async function readParentKey(input: Readable): Promise<BoardAccess> {
  const line = await firstLine(input);
  try {
    const { board, host, key } = keyLine.parse(JSON.parse(line));
    return singleHostAccess(fromHex(board), fromHex(host), fromHex(key));
  } catch (cause) {
    throw new SecurityError("bad-key-line", "Standard input does not begin with a key.", {
      expected: '{"board": ID, "host": ID, "key": KEY} on one line',
      found: `${line.length} characters`,
      cause,
    });
  }
}

function firstLine(input: Readable): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const finish = () => {
      input.off("data", onData).off("end", finish);
      input.pause();
      resolve(text.split("\n")[0]);
    };
    const onData = (piece: Buffer) => {
      text += piece.toString("latin1");
      if (text.includes("\n") || text.length > LONGEST_LINE) finish();
    };
    input.on("data", onData).on("end", finish);
  });
}

/** Writing behind: whatever the order in which stages reach the file, the file is what was appended. */
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { STAGE_BYTES, WriteBehind } from "@sluice/board-firmware/store/write-behind.js";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { seededRandom } from "../../support/seeded-random.js";

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "sluice-write-behind-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

const open = (name: string) => openSync(join(folder, name), "w+");
const contentOf = (name: string) => readFileSync(join(folder, name));
const ended = (file: WriteBehind) => new Promise<void>((resolve) => file.end(resolve));

describe("WriteBehind", () => {
  it("keeps the order over pieces of all sizes, files side by side, waiting and not", async () => {
    const seed = Number(process.env.SLUICE_SEED ?? 606);
    const random = seededRandom(seed);
    const files = Array.from({ length: 8 }, (_, index) => {
      const descriptor = open(`file ${index}`);
      return { descriptor, file: new WriteBehind(descriptor, 0), pieces: [] as Uint8Array[] };
    });
    for (let step = 0; step < 400; step += 1) {
      const { file, pieces } = files[random.integer(0, files.length - 1)];
      const piece = new Uint8Array(random.integer(0, 3) === 0 ? random.integer(1, 300_000) : 16_384);
      piece.fill(random.integer(0, 255));
      file.append(piece);
      pieces.push(piece.slice());
      piece.fill(0xee); // the view is the caller's again
      const dice = random.integer(0, 19);
      if (dice === 0) await file.written();
      if (dice === 1) file.flush();
    }
    for (const [index, { file, pieces, descriptor }] of files.entries()) {
      if (index % 2 === 0) await file.written();
      else file.flush();
      const expected = Buffer.concat(pieces);
      expect(file.length, `seed ${seed}`).toBe(expected.length);
      expect(Buffer.compare(contentOf(`file ${index}`), expected), `seed ${seed}, file ${index}`).toBe(0);
      await ended(file);
      expect(file.idle).toBe(true);
      closeSync(descriptor);
    }
  });

  it("has everything in the file when `written` resolves, and goes on from a given place", async () => {
    const descriptor = open("one");
    const first = new WriteBehind(descriptor, 0);
    first.append(new Uint8Array(STAGE_BYTES + 100).fill(1));
    await first.written();
    expect(contentOf("one").length).toBe(STAGE_BYTES + 100);
    const second = new WriteBehind(descriptor, first.length);
    second.append(new Uint8Array(50).fill(2));
    await second.written();
    expect([...contentOf("one").subarray(-51)]).toEqual([1, ...new Array(50).fill(2)]);
    closeSync(descriptor);
  });

  it("counts only what lies before a failure, and says so to everyone who waits", async () => {
    const descriptor = open("failing");
    let calls = 0;
    const file = new WriteBehind(descriptor, 0, () => {
      calls += 1;
      if (calls === 3) throw new Error("ENOSPC");
    });
    const stage = new Uint8Array(STAGE_BYTES).fill(7);
    file.append(stage);
    file.append(stage);
    const waiting = file.written();
    expect(() => file.append(stage)).toThrow("ENOSPC");
    await expect(waiting).rejects.toThrow("ENOSPC");
    await expect(file.written()).rejects.toThrow("ENOSPC");
    expect(() => file.append(stage)).toThrow("ENOSPC");
    expect(() => file.flush()).toThrow("ENOSPC");
    expect(file.length).toBe(2 * STAGE_BYTES);
    expect(file.idle).toBe(true);
    closeSync(descriptor);
  });

  it("reports what the disk answers to another thread", async () => {
    const descriptor = openSync(join(folder, "read only"), "w");
    closeSync(descriptor);
    const readOnly = openSync(join(folder, "read only"), "r");
    const file = new WriteBehind(readOnly, 0);
    file.append(new Uint8Array(10));
    await expect(file.written()).rejects.toMatchObject({ code: "EBADF" });
    expect(file.length).toBe(0);
    closeSync(readOnly);
  });
});

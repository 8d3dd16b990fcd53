import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SectionStore } from "@sluice/board-firmware/store";
import { SluiceError } from "@sluice/sdk/errors.js";
import { afterEach, assert, beforeEach, describe, it } from "vitest";

let directory: string;
let time = 0;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "sluice-store-test-"));
  time = 1_000;
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function openStore(capacityBytes = 10_000): SectionStore {
  return new SectionStore(directory, { capacityBytes, now: () => (time += 1_000) });
}

function section(fill: number, length = 1_000) {
  const bytes = new Uint8Array(length).fill(fill);
  return { bytes, hash: createHash("sha256").update(bytes).digest("hex") };
}

function put(store: SectionStore, { bytes, hash }: ReturnType<typeof section>): void {
  const partial = store.openPartial(hash, bytes.length);
  partial.append(bytes.subarray(partial.received));
  store.complete(partial);
}

function codeOf(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof SluiceError) return error.code;
    throw error;
  }
  return "none";
}

describe("section store", () => {
  it("returns what was put in, also to the next process", () => {
    const one = section(1);
    put(openStore(), one);
    const store = openStore();
    assert.deepEqual(store.state(one.hash), { complete: true, received: 1_000 });
    assert.deepEqual(new Uint8Array(store.read(one.hash)), one.bytes);
    assert.equal(store.usedBytes, 1_000);
  });

  it("goes on with an upload that another process began", () => {
    const one = section(1);
    const first = openStore();
    first.openPartial(one.hash, 1_000).append(one.bytes.subarray(0, 400));
    first.close();
    const second = openStore();
    assert.deepEqual(second.state(one.hash), { complete: false, received: 400 });
    put(second, one);
    assert.deepEqual(new Uint8Array(second.read(one.hash)), one.bytes);
    assert.deepEqual(readdirSync(join(directory, "partial")), []);
  });

  it("notices damage before use, and forgets the section", () => {
    const one = section(1);
    const store = openStore();
    put(store, one);
    writeFileSync(join(directory, "sections", one.hash), "something else");
    assert.equal(
      codeOf(() => store.read(one.hash)),
      "hash-mismatch",
    );
    assert.deepEqual(store.state(one.hash), { complete: false, received: 0 });
    put(store, one);
    store.read(one.hash);
  });

  it("takes a file that lost its content with the power for damaged, not for another section", () => {
    const one = section(1);
    put(openStore(), one);
    writeFileSync(join(directory, "sections", one.hash), "");
    const store = openStore();
    assert.deepEqual(store.state(one.hash), { complete: true, received: 0 });
    assert.isFalse(store.isSound(one.hash));
    assert.deepEqual(store.state(one.hash), { complete: false, received: 0 });
    put(store, one);
    assert.isTrue(store.isSound(one.hash));
  });

  it("evicts the least recently used sections, never pinned ones", () => {
    const store = openStore(3_000);
    const [a, b, c, d] = [1, 2, 3, 4].map((fill) => section(fill));
    for (const one of [a, b, c]) put(store, one);
    store.read(a.hash);
    store.pin([b.hash]);
    put(store, d);
    assert.isTrue(store.state(a.hash).complete, "used last");
    assert.isTrue(store.state(b.hash).complete, "pinned");
    assert.isFalse(store.state(c.hash).complete, "the oldest that may go");
    assert.isAtMost(store.usedBytes, 3_000);
  });

  it("gives up stale partial uploads before whole sections", () => {
    const store = openStore(3_000);
    const [a, stale, b] = [1, 2, 3].map((fill) => section(fill));
    put(store, a);
    store.openPartial(stale.hash, 1_000).append(stale.bytes.subarray(0, 900));
    store.close();
    const next = openStore(2_500);
    put(next, b);
    assert.isTrue(next.state(a.hash).complete);
    assert.equal(next.state(stale.hash).received, 0);
  });

  it("keeps no more files than it may, however small they are", () => {
    const store = new SectionStore(directory, { maxSections: 20, now: () => (time += 1_000) });
    for (let i = 0; i < 30; i += 1) put(store, section(i, 10 + i));
    // Uploads that somebody begins and never goes on with count as well.
    for (let i = 0; i < 100; i += 1) store.openPartial(section(i, 1_000 + i).hash, 1_000 + i);
    store.close();
    const files = ["sections", "partial"].flatMap((folder) => readdirSync(join(directory, folder)));
    assert.isAtMost(files.length, 20);
    put(store, section(1, 500));
    assert.isTrue(store.state(section(1, 500).hash).complete);
  });

  it("refuses what can never fit, and more bytes than were announced", () => {
    const store = openStore(3_000);
    assert.equal(
      codeOf(() => store.openPartial(section(1).hash, 3_001)),
      "store-full",
    );
    const partial = store.openPartial(section(2).hash, 10);
    assert.equal(
      codeOf(() => partial.append(new Uint8Array(11))),
      "section-too-long",
    );
  });

  it("keeps only a few uploads open at once, and loses none of them", () => {
    const store = openStore(100_000);
    const sections = Array.from({ length: 12 }, (_, i) => section(i));
    for (const { hash, bytes } of sections) store.openPartial(hash, 1_000).append(bytes.subarray(0, 500));
    for (const one of sections) {
      assert.equal(store.state(one.hash).received, 500);
      put(store, one);
    }
    for (const { hash } of sections) store.read(hash);
  });

  it("lists the most recently used first", () => {
    const store = openStore();
    const [a, b] = [section(1), section(2)];
    put(store, a);
    put(store, b);
    store.read(a.hash);
    assert.deepEqual(
      store.list(10).map(({ hash }) => hash),
      [a.hash, b.hash],
    );
    assert.equal(store.list(1).length, 1);
  });

  it("says when its directory cannot be used", () => {
    writeFileSync(join(directory, "file"), "");
    assert.equal(
      codeOf(() => new SectionStore(join(directory, "file"))),
      "store-unusable",
    );
  });
});

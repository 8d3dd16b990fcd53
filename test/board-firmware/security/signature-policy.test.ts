/** A live board that installs only what somebody it trusts has signed. */
import { generateKeyPairSync, type KeyObject } from "node:crypto";
import { SignaturePolicy } from "@sluice/board-firmware/security";
import { BoardClient } from "@sluice/host-agent/client";
import type { SluiceError } from "@sluice/sdk/errors.js";
import { readPackage, readSignerKey, signPackage, writePackage } from "@sluice/sdk/package";
import { afterEach, assert, describe, it } from "vitest";
import { startTestBoard, type TestBoard } from "../../support/test-board.js";
import { tinyCompiled, tinyGraph } from "../../support/tiny-package.js";

const [trusted, stranger] = [generateKeyPairSync("ed25519"), generateKeyPairSync("ed25519")];
const signer = readSignerKey(String(trusted.publicKey.export({ type: "spki", format: "pem" })), "test");
const file = writePackage(tinyCompiled, tinyGraph(), {});

let board: TestBoard | undefined;
let client: BoardClient | undefined;

afterEach(async () => {
  await client?.close();
  await board?.close();
  client = undefined;
  board = undefined;
});

async function connected(): Promise<BoardClient> {
  board = startTestBoard({ signatures: new SignaturePolicy([signer]) });
  client = await BoardClient.connect(board.link());
  return client;
}

/** The code of what installing says, "installed" when nothing. */
async function install(key: KeyObject | undefined, change: Partial<Changes> = {}): Promise<string> {
  const host = await connected();
  const { compiled, ...signed } = readPackage(key ? signPackage(file, key) : file);
  const plan = { ...compiled.plan, ...change.plan };
  const sections = change.sections?.(compiled.sections) ?? compiled.sections;
  const signature = change.signature?.(signed) ?? signed;
  return host
    .install(plan, sections, { signed: signature })
    .then(() => "installed")
    .catch((error: SluiceError) => error.code);
}

interface Changes {
  plan: Partial<typeof tinyCompiled.plan>;
  sections: (sections: typeof tinyCompiled.sections) => typeof tinyCompiled.sections;
  signature: (signed: Signed) => Signed;
}
type Signed = Pick<ReturnType<typeof readPackage>, "manifestBytes" | "manifestHash" | "signatures">;

describe("a board that demands signatures", () => {
  it("installs what somebody it trusts has signed, and sends the manifest once", async () => {
    assert.equal(await install(trusted.privateKey), "installed");
    const { compiled, ...signed } = readPackage(signPackage(file, trusted.privateKey));
    const again = await client!.install(compiled.plan, compiled.sections, { signed });
    assert.equal(again.bytesSent, 0);
  });

  it("refuses what nobody signed", async () => {
    assert.equal(await install(undefined), "unsigned-package");
    assert.equal(board?.runner.loads, 0);
  });

  it("refuses what somebody else signed", async () => {
    assert.equal(await install(stranger.privateKey), "untrusted-signer");
  });

  it("refuses a trusted signer's name under somebody else's signature", async () => {
    const forged = (signed: Signed): Signed => ({
      ...signed,
      signatures: signed.signatures.map(({ signature }) => ({ signer, signature })),
    });
    assert.equal(await install(stranger.privateKey, { signature: forged }), "bad-signature");
  });

  it("refuses a signature of another manifest", async () => {
    const other = readPackage(
      signPackage(writePackage({ ...tinyCompiled, notes: ["x"] }, tinyGraph(), {}), trusted.privateKey),
    );
    const borrowed = (signed: Signed): Signed => ({ ...signed, signatures: other.signatures });
    assert.equal(await install(trusted.privateKey, { signature: borrowed }), "bad-signature");
  });

  it("refuses another plan than the signed one", async () => {
    assert.equal(await install(trusted.privateKey, { plan: { cyclesPerFrame: 1 } }), "not-what-was-signed");
    assert.equal(board?.runner.loads, 0);
  });

  it("refuses other weights than the signed ones", async () => {
    const outcome = await install(trusted.privateKey, {
      sections: (sections) =>
        sections.map((section) =>
          section.kind === "weights" ? { ...section, bytes: section.bytes.map((byte) => byte ^ 1) } : section,
        ),
    });
    assert.equal(outcome, "not-what-was-signed");
  });

  it("refuses sections in other places, fewer or more of them", async () => {
    const moved = (sections: typeof tinyCompiled.sections) =>
      sections.map((section, i) => (i === 1 ? { ...section, offset: section.offset + 64 } : section));
    assert.equal(await install(trusted.privateKey, { sections: moved }), "not-what-was-signed");
    await client?.close();
    await board?.close();
    const fewer = (sections: typeof tinyCompiled.sections) => sections.slice(1);
    assert.equal(await install(trusted.privateKey, { sections: fewer }), "not-what-was-signed");
  });
});

/** `sluice keygen` and `sluice sign`: who stands for a package. */
import { generateKeyPairSync } from "node:crypto";
import { closeSync, openSync, readFileSync, writeSync } from "node:fs";
import { readSignerKey, readSigningKey, signerName, signPackage } from "@sluice/sdk/package";
import type { Command } from "commander";
import { UsageError } from "./errors.js";
import { writeFileWhole, writeJson } from "./json-output.js";

export function registerKeygen(program: Command): void {
  program
    .command("keygen")
    .description("Make a key pair for signing packages: NAME.key signs, NAME.pub checks")
    .option("-o, --out <name>", "file name without ending", "sluice-signing")
    .option("--json <file>", "write the result as JSON to a file, or to stdout with -")
    .addHelpText("after", "\nExamples:\n  sluice keygen\n  sluice keygen --out release")
    .action(keygen);
}

export function registerSign(program: Command): void {
  program
    .command("sign")
    .description("Sign a package, for boards that install only what somebody they trust has signed")
    .argument("<package>", "a .sluice file; signed in place unless --out is given")
    .requiredOption("--key <file>", "the .key file of `sluice keygen`, or another Ed25519 key in PEM form")
    .option("-o, --out <file>", "write the signed package here")
    .option("--json <file>", "write the result as JSON to a file, or to stdout with -")
    .addHelpText(
      "after",
      `
Examples:
  sluice sign model.sluice --key release.key
  sluice board --require-signature release.pub     a board that installs nothing else`,
    )
    .action(sign);
}

function keygen({ out, json }: { readonly out: string; readonly json?: string }): void {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const files = { key: `${out}.key`, pub: `${out}.pub` };
  writeNew(files.key, String(privateKey.export({ type: "pkcs8", format: "pem" })), 0o600);
  const pem = String(publicKey.export({ type: "spki", format: "pem" }));
  writeNew(files.pub, pem, 0o644);
  const signer = signerName(readSignerKey(pem, files.pub));
  writeJson(json, { ...files, signer });
  if (json === "-") return;
  process.stdout.write(
    `${files.key}: signs packages; keep it secret\n${files.pub}: for boards, with --require-signature\nsigner ${signer}\n`,
  );
}

function sign(
  path: string,
  { key, out = path, json }: { readonly key: string; readonly out?: string; readonly json?: string },
): void {
  const signingKey = readSigningKey(readFileSync(key, "utf8"), key);
  const signed = signPackage(new Uint8Array(readFileSync(path)), signingKey);
  writeFileWhole(out, signed);
  const signer = signerName(signed.subarray(signed.length - 96, signed.length - 64));
  writeJson(json, { package: out, bytes: signed.length, signer });
  if (json !== "-") process.stdout.write(`${out}: signed by ${signer}\nnext: sluice deploy ${out}\n`);
}

/** A key that exists is never overwritten. */
function writeNew(path: string, text: string, mode: number): void {
  let descriptor: number;
  try {
    descriptor = openSync(path, "wx", mode);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== "EEXIST") throw cause;
    throw new UsageError("file-exists", "There is such a file already, and it may be a key in use.", {
      place: path,
      hint: "Choose another name with --out.",
      cause,
    });
  }
  writeSync(descriptor, text);
  closeSync(descriptor);
}

/**
 * Makes bitstreams/overlays/<geometry> of what build.tcl left: bitstream, the same for fpga_manager (.bit.bin),
 * hardware handoff, device-tree overlay, shell.json, and the manifest with the hashes of all of them.
 *
 *   node bitstreams/vivado/finish.mjs [geometry]
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { geometryById } from "@sluice/sdk/overlay";
import { deviceTreeSource, manifestFacts, PART, SHELL } from "./platform.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** Design, part and configuration data of a .bit file; fields are a tag, a length and a text ending in 0. */
export function readBitFile(bytes) {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 2 + view.getUint16(0) + 2;
  const texts = [];
  for (const tag of "abcd") {
    if (String.fromCharCode(bytes[at]) !== tag)
      throw new Error(`Byte ${at} of the .bit file should be '${tag}'.`);
    const length = view.getUint16(at + 1);
    texts.push(new TextDecoder("latin1").decode(bytes.subarray(at + 3, at + 2 + length)));
    at += 3 + length;
  }
  if (String.fromCharCode(bytes[at]) !== "e") throw new Error(`Byte ${at} of the .bit file should be 'e'.`);
  const length = view.getUint32(at + 1);
  const data = bytes.subarray(at + 5, at + 5 + length);
  if (data.length !== length || length % 4 !== 0)
    throw new Error(`The .bit file ends early: ${data.length} of ${length} bytes.`);
  return { design: texts[0].split(";")[0], part: texts[1], data };
}

/**
 * @param {{ geometry: object, from: string, to: string }} folders where build.tcl left its files, where they go
 * @returns {object} the manifest
 */
export function finishOverlay({ geometry, from, to }) {
  const bit = readFileSync(join(from, "sluice.bit"));
  const { design, part, data } = readBitFile(bit);
  if (part.toLowerCase() !== PART.toLowerCase())
    throw new Error(`The bitstream is for ${part}, not for ${PART}.`);
  const name = `sluice-${geometry.id}`;
  mkdirSync(to, { recursive: true });
  const put = (file, bytes) => {
    writeFileSync(join(to, file), bytes);
    return { name: file, bytes: bytes.length, sha256: createHash("sha256").update(bytes).digest("hex") };
  };
  const manifest = {
    ...manifestFacts(geometry),
    part,
    design,
    bitstream: put(`${name}.bit`, bit),
    firmware: put(`${name}.bit.bin`, Buffer.from(data).swap32()),
    hardwareHandoff: put(`${name}.hwh`, readFileSync(join(from, "sluice.hwh"))),
  };
  put("shell.json", Buffer.from(`${JSON.stringify(SHELL)}\n`));
  put(`${name}.dts`, Buffer.from(deviceTreeSource(`${name}.bit.bin`)));
  const compiled = spawnSync("dtc", ["-@", "-I", "dts", "-O", "dtb", join(to, `${name}.dts`)]);
  if (compiled.status === 0) {
    manifest.deviceTree = { ...put(`${name}.dtbo`, compiled.stdout), programsFabric: true };
  }
  if (existsSync(join(from, "build.txt")))
    manifest.builtWith = readFileSync(join(from, "build.txt"), "utf8").trim();
  writeFileSync(join(to, "manifest.json"), `${JSON.stringify(manifest, null, 2)}\n`);
  return manifest;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const geometry = geometryById(process.argv[2] ?? "p8i8o16");
  const from = join(root, "build", `vivado-${geometry.id}`);
  if (!existsSync(join(from, "sluice.bit"))) {
    console.error(
      `${from} holds no bitstream. Run: vivado -mode batch -source bitstreams/vivado/build.tcl -tclargs ${geometry.id}`,
    );
    process.exit(1);
  }
  const to = join(root, "overlays", geometry.id);
  const manifest = finishOverlay({ geometry, from, to });
  if (!manifest.deviceTree) {
    console.warn(
      "No device-tree overlay: dtc is not installed (Debian: apt-get install device-tree-compiler).",
    );
  }
  console.log(`${to}: ${manifest.design} for ${manifest.part}, ${manifest.bitstream.bytes} bytes`);
}

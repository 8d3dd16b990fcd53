/** Binary packages of Debian and Ubuntu, deb(5): an ar archive of a version, a control archive and a data archive. */
import { createHash } from "node:crypto";
import { gzipSync } from "node:zlib";
import { tarball } from "./tar.mjs";

/**
 * @param {{ control: Record<string, string>, scripts: Record<string, Uint8Array>, conffiles: readonly string[],
 *   entries: readonly import("./tar.mjs").Entry[], time: number }} parts
 *   entries: what is installed, paths from the root; scripts: postinst and the like; time: seconds since 1970
 * @returns {Buffer}
 */
export function debianPackage({ control, scripts, conffiles, entries, time }) {
  const files = entries.filter(({ content }) => content !== undefined);
  const kibibytes = files.reduce((sum, { content }) => sum + Math.ceil(content.length / 1024), 0);
  const fields = { ...control, "Installed-Size": String(kibibytes) };
  const sums = files
    .map(({ path, content }) => `${createHash("md5").update(content).digest("hex")}  ${path}\n`)
    .sort((a, b) => (a.slice(34) < b.slice(34) ? -1 : 1));
  const controlEntries = [
    { path: "control", content: text(formatControl(fields)) },
    { path: "conffiles", content: text(conffiles.map((path) => `${path}\n`).join("")) },
    { path: "md5sums", content: text(sums.join("")) },
    ...Object.entries(scripts).map(([path, content]) => ({ path, content, mode: 0o755 })),
  ];
  const members = [
    ["debian-binary", text("2.0\n")],
    ["control.tar.gz", gzip(tarball(controlEntries, time))],
    ["data.tar.gz", gzip(tarball(entries, time))],
  ];
  return Buffer.concat([
    text("!<arch>\n"),
    ...members.flatMap(([name, bytes]) => arMember(name, bytes, time)),
  ]);
}

/** Without a name and a time in its header, so that equal input gives equal bytes. */
export function gzip(bytes) {
  return gzipSync(bytes, { level: 9 });
}

function formatControl(fields) {
  const order = [
    "Package",
    "Version",
    "Architecture",
    "Maintainer",
    "Installed-Size",
    "Depends",
    "Recommends",
    "Section",
    "Priority",
    "Description",
  ];
  const known = order.filter((name) => fields[name] !== undefined);
  return known.map((name) => `${name}: ${fields[name]}\n`).join("");
}

function arMember(name, bytes, time) {
  const head = `${name.padEnd(16)}${String(time).padEnd(12)}${"0".padEnd(6)}${"0".padEnd(6)}${"100644".padEnd(8)}${String(bytes.length).padEnd(10)}\`\n`;
  return bytes.length % 2 === 0 ? [text(head), bytes] : [text(head), bytes, text("\n")];
}

const text = (value) => Buffer.from(value, "latin1");

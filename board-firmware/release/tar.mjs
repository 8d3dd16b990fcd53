/**
 * POSIX ustar archives (IEEE Std 1003.1, pax interchange, section "ustar") that depend on nothing but their contents:
 * sorted, owned by root, one time for all.
 */

const BLOCK = 512;

/**
 * @typedef {{ path: string, mode?: number, content?: Uint8Array, link?: string }} Entry
 *   A file; without content and link a directory; with link a symbolic link. Paths are relative, without "./".
 */

/**
 * @param {readonly Entry[]} entries
 * @param {number} time seconds since 1970
 * @param {string} [prefix] put before every path
 * @returns {Buffer}
 */
export function tarball(entries, time, prefix = "./") {
  const all = withDirectories(entries).sort((a, b) => (a.path < b.path ? -1 : 1));
  const parts = [];
  for (const entry of all) {
    const content = entry.content ?? new Uint8Array(0);
    parts.push(header(entry, content.length, time, prefix), content);
    const rest = content.length % BLOCK;
    if (rest > 0) parts.push(new Uint8Array(BLOCK - rest));
  }
  parts.push(new Uint8Array(2 * BLOCK));
  return Buffer.concat(parts);
}

function withDirectories(entries) {
  const directories = new Set();
  for (const { path } of entries) {
    const names = path.split("/");
    for (let depth = 1; depth < names.length; depth += 1) directories.add(names.slice(0, depth).join("/"));
  }
  const named = new Set(entries.map(({ path }) => path));
  return [...entries, ...[...directories].filter((path) => !named.has(path)).map((path) => ({ path }))];
}

function header({ path, mode, content, link }, size, time, prefix) {
  const isDirectory = content === undefined && link === undefined;
  const block = Buffer.alloc(BLOCK);
  const [directory, name] = splitName(`${prefix}${path}${isDirectory ? "/" : ""}`);
  block.write(name, 0, 100);
  octal(block, 100, 8, mode ?? (isDirectory ? 0o755 : 0o644));
  octal(block, 108, 8, 0);
  octal(block, 116, 8, 0);
  octal(block, 124, 12, size);
  octal(block, 136, 12, time);
  block.write(isDirectory ? "5" : link === undefined ? "0" : "2", 156);
  if (link !== undefined) block.write(link, 157, 100);
  block.write("ustar\x0000", 257);
  block.write("root", 265);
  block.write("root", 297);
  block.write(directory, 345, 155);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}

/** Names of more than 100 bytes are cut at a slash: [prefix of at most 155 bytes, name of at most 100]. */
function splitName(path) {
  if (Buffer.byteLength(path) <= 100) return ["", path];
  for (let at = path.indexOf("/"); at >= 0 && at <= 155; at = path.indexOf("/", at + 1)) {
    if (Buffer.byteLength(path.slice(at + 1)) <= 100 && at + 1 < path.length)
      return [path.slice(0, at), path.slice(at + 1)];
  }
  throw new RangeError(`ustar cannot hold this path: ${path}`);
}

function octal(block, at, width, value) {
  block.write(`${value.toString(8).padStart(width - 1, "0")}\0`, at);
}

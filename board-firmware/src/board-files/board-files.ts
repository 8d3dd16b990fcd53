/**
 * The board's files: sysfs, configfs, /proc, /dev and /lib/firmware, all below one root directory. On a board the root
 * is "/"; everything else that looks like a board's tree can stand in for it.
 *
 *   const files = new BoardFiles();
 *   files.readText("/sys/class/fpga_manager/fpga0/state");   // "operating"
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { LoaderError } from "@sluice/sdk/errors.js";

/** A sysfs attribute is one page; configuration texts are a few. */
const LARGEST_TEXT = 2 ** 20;

export class BoardFiles {
  /** Directory that stands for "/". */
  readonly root: string;

  constructor(root = "/") {
    this.root = root;
  }

  /** Where an absolute path of the board lies on this machine. */
  locate(path: string): string {
    return join(this.root, path);
  }

  exists(path: string): boolean {
    return existsSync(this.locate(path));
  }

  /** Names in a directory, sorted; none when it does not exist. @throws {LoaderError} `permission-denied` */
  list(path: string): string[] {
    if (!this.exists(path)) return [];
    return this.#do("list", path, () => readdirSync(this.locate(path)).sort());
  }

  /** A text without white space or NUL bytes (device tree) at its ends. @throws {LoaderError} */
  readText(path: string): string {
    const bytes = this.readBytes(path, LARGEST_TEXT);
    const text = new TextDecoder().decode(bytes);
    let end = text.length;
    while (end > 0 && (text[end - 1] === "\0" || text[end - 1].trim() === "")) end -= 1;
    return text.slice(0, end).trimStart();
  }

  /** @throws {LoaderError} `no-such-node`, `permission-denied`, `node-failed`, `file-too-large` */
  readBytes(path: string, most: number): Uint8Array {
    return this.#do("read", path, () => {
      const { size } = statSync(this.locate(path));
      if (size > most) {
        throw new LoaderError("file-too-large", "A file of the board is larger than it can sensibly be.", {
          place: path,
          expected: `at most ${most} bytes`,
          found: `${size} bytes`,
          hint: "Look at the file; it is not what its name says.",
        });
      }
      return new Uint8Array(readFileSync(this.locate(path)));
    });
  }

  /** Everything that can be read now without waiting; for /dev/kmsg, whose every read gives one record. */
  drain(path: string): string {
    return this.#do("read", path, () => {
      const descriptor = openSync(this.locate(path), constants.O_RDONLY | constants.O_NONBLOCK);
      try {
        return drainDescriptor(descriptor);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  /** Writes an attribute that exists, in one write. @throws {LoaderError} */
  write(path: string, content: string | Uint8Array): void {
    this.#do("write", path, () => {
      const descriptor = openSync(this.locate(path), constants.O_WRONLY | constants.O_TRUNC);
      try {
        const bytes = typeof content === "string" ? Buffer.from(content) : content;
        writeSync(descriptor, bytes);
      } finally {
        closeSync(descriptor);
      }
    });
  }

  /** Puts a whole file in place, or leaves what was there. @throws {LoaderError} */
  place(path: string, content: string | Uint8Array): void {
    this.#do("write", path, () => {
      const target = this.locate(path);
      mkdirSync(dirname(target), { recursive: true });
      const unfinished = `${target}.${process.pid}.part`;
      try {
        writeFileSync(unfinished, content);
        renameSync(unfinished, target);
      } finally {
        rmSync(unfinished, { force: true });
      }
    });
  }

  /** @throws {LoaderError} */
  makeDirectory(path: string): void {
    this.#do("create", path, () => mkdirSync(this.locate(path)));
  }

  /** On configfs this removes what the directory stands for. @throws {LoaderError} */
  removeDirectory(path: string): void {
    this.#do("remove", path, () => rmdirSync(this.locate(path)));
  }

  /** Opens a device node; the caller closes the descriptor. @throws {LoaderError} */
  open(path: string, flags: number): number {
    return this.#do("open", path, () => openSync(this.locate(path), flags));
  }

  /** Bytes of a regular file; undefined for a device node, which has no size. */
  sizeOf(descriptor: number): number | undefined {
    const stat = fstatSync(descriptor);
    return stat.isFile() ? stat.size : undefined;
  }

  #do<T>(verb: string, path: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (error instanceof LoaderError) throw error;
      throw nodeError(verb, path, error);
    }
  }
}

function drainDescriptor(descriptor: number): string {
  const record = Buffer.alloc(8192);
  const parts: Buffer[] = [];
  for (;;) {
    try {
      const count = readSync(descriptor, record);
      if (count === 0) break;
      parts.push(Buffer.from(record.subarray(0, count)));
    } catch (error) {
      const code = errnoOf(error);
      if (code === "EAGAIN") break;
      // The kernel overwrote records before they were read; the next read goes on with the oldest it has.
      if (code !== "EPIPE") throw error;
    }
  }
  return Buffer.concat(parts).toString("utf8");
}

export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

function nodeError(verb: string, path: string, cause: unknown): LoaderError {
  const errno = errnoOf(cause);
  const found = errno ?? String(cause);
  if (errno === "EACCES" || errno === "EPERM") {
    return new LoaderError("permission-denied", `This user may not ${verb} ${path}.`, {
      place: path,
      expected: `the right to ${verb} it`,
      found,
      hint: "Run the runtime as root, or install the udev rules and the group of the release.",
      details: { errno },
      cause,
    });
  }
  if (errno === "ENOENT" || errno === "ENOTDIR") {
    return new LoaderError("no-such-node", `This machine has no ${path}.`, {
      place: path,
      expected: "a node of a KV260's Linux",
      found: "none",
      hint: "Run `sluice-board doctor`: a driver is missing, or this is not the board.",
      details: { errno },
      cause,
    });
  }
  return new LoaderError("node-failed", `The kernel refused to ${verb} ${path}.`, {
    place: path,
    found,
    hint: "Look at the kernel log (dmesg) for the reason.",
    details: { errno },
    cause,
  });
}

/**
 * The hosts a board is paired with, in its state folder. Read anew for each greeting, so that what another process
 * changes (`sluice-board hosts --forget`, `sluice-board pair`) holds at once.
 *
 *   paired-hosts.json   { board, hosts: [{ id, name, key, pairedAt }] }   mode 600
 *   pairing-code.json   { code, expiresAt }                              mode 600; the one-time code, while there is one
 */
import { randomBytes } from "node:crypto";
import { rmSync, unlinkSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import type { BoardAccess, PairedHost } from "./board-access.js";
import { makePairingCode } from "./pairing-code.js";
import { readSecretFile, writeSecretFile } from "./secret-file.js";

const id = z.string().regex(/^[0-9a-f]{32}$/);
const key = z.string().regex(/^[0-9a-f]{64}$/);
const hostsFile = z.strictObject({
  board: id,
  hosts: z
    .array(z.strictObject({ id, key, name: z.string().max(255), pairedAt: z.string().max(64) }))
    .max(1_000),
});
const codeFile = z.strictObject({ code: z.string().max(64), expiresAt: z.number() });

export type StoredHost = z.infer<typeof hostsFile>["hosts"][number];

export interface PairedHostsOptions {
  /** Hosts that are not paired may connect too. Default false. */
  readonly open?: boolean;
  readonly now?: () => number;
}

export class PairedHosts implements BoardAccess {
  readonly boardId: Uint8Array;
  readonly open: boolean;
  readonly #hostsPath: string;
  readonly #codePath: string;
  readonly #now: () => number;

  /** Makes the folder and the board's id where they are missing. @throws {SecurityError} `bad-permissions`, `bad-secret-file` */
  constructor(directory: string, options: PairedHostsOptions = {}) {
    this.open = options.open ?? false;
    this.#hostsPath = join(directory, "paired-hosts.json");
    this.#codePath = join(directory, "pairing-code.json");
    this.#now = options.now ?? Date.now;
    let file = readSecretFile(this.#hostsPath, hostsFile);
    if (file === undefined) {
      file = { board: randomBytes(16).toString("hex"), hosts: [] };
      writeSecretFile(this.#hostsPath, file);
    }
    this.boardId = new Uint8Array(Buffer.from(file.board, "hex"));
  }

  list(): readonly StoredHost[] {
    return readSecretFile(this.#hostsPath, hostsFile)?.hosts ?? [];
  }

  keyOf(hostId: Uint8Array): Uint8Array | undefined {
    const wanted = Buffer.from(hostId).toString("hex");
    const host = this.list().find((known) => known.id === wanted);
    return host && new Uint8Array(Buffer.from(host.key, "hex"));
  }

  addHost(host: PairedHost, sharedKey: Uint8Array): void {
    const stored = {
      ...host,
      key: Buffer.from(sharedKey).toString("hex"),
      pairedAt: new Date(this.#now()).toISOString(),
    };
    this.#write([...this.list().filter((known) => known.id !== host.id), stored]);
  }

  /** By id or name. Returns how many were forgotten. */
  forget(which: string): number {
    const hosts = this.list();
    const kept = hosts.filter((host) => host.id !== which && host.name !== which);
    if (kept.length < hosts.length) this.#write(kept);
    return hosts.length - kept.length;
  }

  /** A new one-time code; the one before is void. */
  offerCode(validMs: number): string {
    const code = makePairingCode();
    writeSecretFile(this.#codePath, { code, expiresAt: this.#now() + validMs });
    return code;
  }

  withdrawCode(): void {
    rmSync(this.#codePath, { force: true });
  }

  pairingCode(): string | undefined {
    const file = readSecretFile(this.#codePath, codeFile);
    return file && file.expiresAt > this.#now() ? file.code : undefined;
  }

  useUpCode(code: string): boolean {
    if (this.pairingCode() !== code) return false;
    try {
      // Of two tries at once, one removes the file.
      unlinkSync(this.#codePath);
      return true;
    } catch {
      return false;
    }
  }

  #write(hosts: readonly StoredHost[]): void {
    writeSecretFile(this.#hostsPath, { board: Buffer.from(this.boardId).toString("hex"), hosts });
  }
}

/**
 * The boards this host is paired with, in the user's configuration folder, and for the life of the process those it
 * started itself.
 *
 *   paired-boards.json   { host, boards: [{ id, name, key, link, pairedAt }] }   mode 600
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { type HostKeys, readSecretFile, writeSecretFile } from "@sluice/board-firmware/security";
import { fromHex, toHex } from "@sluice/sdk/protocol";
import { z } from "zod";
import { configFolder } from "../boards/config-folder.js";

const id = z.string().regex(/^[0-9a-f]{32}$/);
const ringFile = z.strictObject({
  host: id,
  boards: z
    .array(
      z.strictObject({
        id,
        name: z.string().max(255),
        key: z.string().regex(/^[0-9a-f]{64}$/),
        /** Over which it was paired; another link to the same board works as well. */
        link: z.string().max(4_096),
        pairedAt: z.string().max(64),
      }),
    )
    .max(10_000),
});

type RingFile = z.infer<typeof ringFile>;
export type PairedBoard = RingFile["boards"][number];

export class KeyRing implements HostKeys {
  readonly path: string;
  readonly #temporary = new Map<string, Uint8Array>();
  /** Until something has been stored, every process is a host of its own. */
  readonly #newId = randomBytes(16).toString("hex");

  /** @param folder default the user's configuration folder */
  constructor(folder = configFolder()) {
    this.path = join(folder, "paired-boards.json");
  }

  /** @throws {SecurityError} `bad-permissions`, `bad-secret-file` */
  get hostId(): Uint8Array {
    return fromHex(this.#read().host);
  }

  keyOf(boardId: Uint8Array): Uint8Array | undefined {
    const wanted = toHex(boardId);
    const own = this.#temporary.get(wanted);
    if (own) return own;
    const board = this.list().find((known) => known.id === wanted);
    return board && fromHex(board.key);
  }

  list(): readonly PairedBoard[] {
    return this.#read().boards;
  }

  /** For a board this process started; gone with the process. */
  addTemporary(boardId: Uint8Array, key: Uint8Array): void {
    this.#temporary.set(toHex(boardId), key);
  }

  dropTemporary(boardId: Uint8Array): void {
    this.#temporary.delete(toHex(boardId));
  }

  /** Replaces what was known of this board. */
  add(board: Omit<PairedBoard, "pairedAt">): void {
    const { host, boards } = this.#read();
    const stored = { ...board, pairedAt: new Date().toISOString() };
    this.#write({ host, boards: [...boards.filter((known) => known.id !== board.id), stored] });
  }

  /** By name, link or id. Returns those that are forgotten. */
  forget(which: string): readonly PairedBoard[] {
    const { host, boards } = this.#read();
    const isMeant = ({ id, name, link }: PairedBoard) => [id, name, link].includes(which);
    const gone = boards.filter(isMeant);
    if (gone.length > 0) this.#write({ host, boards: boards.filter((board) => !isMeant(board)) });
    return gone;
  }

  #read(): RingFile {
    return readSecretFile(this.path, ringFile) ?? { host: this.#newId, boards: [] };
  }

  #write(file: RingFile): void {
    writeSecretFile(this.path, file);
  }
}

let shared: KeyRing | undefined;

/** The one ring of this process, which every connection uses unless it is given another. */
export function userKeyRing(): KeyRing {
  shared ??= new KeyRing();
  return shared;
}

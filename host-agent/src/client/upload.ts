/** Sends what a board lacks of a model's sections, and keeps count. */
import type { Connection } from "@sluice/board-firmware/connection";
import { toHex, upload } from "@sluice/sdk/protocol";
import type { UploadPart } from "./sections.js";

export interface UploadPacing {
  /** Bytes of one piece. */
  readonly pieceBytes: number;
  /** Pieces that may be unanswered at once. */
  readonly ahead: number;
  readonly deadlineMs: number;
}

export interface UploadProgress {
  /** Section bytes the board has, of all it needs. */
  readonly done: number;
  readonly total: number;
  readonly section: string;
}

export interface UploadReport {
  /** Section bytes that travelled; 0 when the board had everything. */
  readonly bytesSent: number;
  /** Section bytes of the model. */
  readonly bytesTotal: number;
  readonly sectionsSent: number;
  readonly sectionsKept: number;
}

/** What the board said it lacks: an index into the sections, and how many bytes it has of that one. */
export interface MissingSection {
  readonly index: number;
  readonly received: number;
}

/** Counts over all attempts of one upload, reconnections included. */
export class UploadTally {
  readonly sections: readonly UploadPart[];
  readonly #onProgress: ((progress: UploadProgress) => void) | undefined;
  readonly #total: number;
  readonly #sent = new Set<number>();
  #doneAtFirst: number | undefined;
  #done = 0;

  constructor(sections: readonly UploadPart[], onProgress?: (progress: UploadProgress) => void) {
    this.sections = sections;
    this.#onProgress = onProgress;
    this.#total = sections.reduce((sum, { bytes }) => sum + bytes, 0);
    this.#done = this.#total;
  }

  /** The board named what it lacks now. */
  begin(missing: readonly MissingSection[]): void {
    const lacking = missing.map(({ index, received }) => this.sections[index].bytes - received);
    this.#done = this.#total - lacking.reduce((sum, bytes) => sum + bytes, 0);
    this.#doneAtFirst ??= this.#done;
  }

  confirmed(index: number, bytes: number): void {
    this.#done += bytes;
    this.#sent.add(index);
    this.#onProgress?.({ done: this.#done, total: this.#total, section: this.sections[index].name });
  }

  get report(): UploadReport {
    return {
      bytesSent: this.#done - (this.#doneAtFirst ?? this.#done),
      bytesTotal: this.#total,
      sectionsSent: this.#sent.size,
      sectionsKept: this.sections.length - this.#sent.size,
    };
  }
}

/** Sends every missing section from where the board left off, several pieces ahead of their answers. */
export async function uploadMissing(
  connection: Connection,
  missing: readonly MissingSection[],
  pacing: UploadPacing,
  tally: UploadTally,
): Promise<void> {
  const lacking = distinct(missing, tally.sections);
  tally.begin(lacking);
  const answers: Promise<void>[] = [];
  try {
    for (const piece of pieces(lacking, tally.sections, pacing.pieceBytes)) {
      const answer = sendPiece(connection, piece, pacing.deadlineMs, tally);
      // Seen to by the awaits below; this only keeps an early failure from being reported as unhandled.
      answer.catch(() => undefined);
      answers.push(answer);
      if (answers.length >= pacing.ahead) await answers.shift();
      await connection.room();
    }
    while (answers.length > 0) await answers.shift();
  } finally {
    await Promise.allSettled(answers);
  }
}

interface Piece {
  readonly index: number;
  readonly section: UploadPart;
  readonly offset: number;
  readonly bytes: Uint8Array;
}

function* pieces(
  missing: readonly MissingSection[],
  sections: readonly UploadPart[],
  pieceBytes: number,
): Generator<Piece> {
  for (const { index, received } of missing) {
    const section = sections[index];
    let offset = received;
    do {
      const bytes = section.content.subarray(offset, offset + pieceBytes);
      yield { index, section, offset, bytes };
      offset += bytes.length;
    } while (offset < section.bytes);
  }
}

async function sendPiece(
  connection: Connection,
  { index, section, offset, bytes }: Piece,
  deadlineMs: number,
  tally: UploadTally,
): Promise<void> {
  const request = { sha256: section.sha256, bytes: section.bytes, offset };
  await connection.request(upload, request, { attachment: bytes, deadlineMs });
  tally.confirmed(index, bytes.length);
}

/** Two layers with equal weights are one section. */
function distinct(missing: readonly MissingSection[], sections: readonly UploadPart[]): MissingSection[] {
  const seen = new Set<string>();
  return missing.filter(({ index }) => {
    const key = toHex(sections[index].sha256);
    if (seen.has(key)) return false;
    seen.add(key);
    return true;
  });
}

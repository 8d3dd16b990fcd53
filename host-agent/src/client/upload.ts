/** Sends one section from where the board left off, several pieces ahead of their answers. */
import type { Connection } from "@sluice/board-firmware/connection";
import { upload } from "@sluice/sdk/protocol";
import type { HashedSection } from "./sections.js";

export interface UploadPacing {
  /** Bytes of one piece. */
  readonly pieceBytes: number;
  /** Pieces that may be unanswered at once. */
  readonly ahead: number;
  readonly deadlineMs: number;
}

/**
 * @param from bytes the board already has
 * @param onSent called with the bytes the board has confirmed since the last call
 */
export async function uploadSection(
  connection: Connection,
  section: HashedSection,
  from: number,
  pacing: UploadPacing,
  onSent: (bytes: number) => void,
): Promise<void> {
  const { sha256, bytes, content } = section;
  let offset = from;
  const answers: Promise<void>[] = [];
  const sendPiece = async () => {
    const piece = content.subarray(offset, offset + pacing.pieceBytes);
    const request = { sha256, bytes, offset };
    offset += piece.length;
    await connection.request(upload, request, { attachment: piece, deadlineMs: pacing.deadlineMs });
    onSent(piece.length);
  };
  try {
    do {
      const answer = sendPiece();
      // Seen to by the await below; this only keeps an early failure from being reported as unhandled.
      answer.catch(() => undefined);
      answers.push(answer);
      if (answers.length >= pacing.ahead) await answers.shift();
      await connection.room();
    } while (offset < bytes);
    while (answers.length > 0) await answers.shift();
  } finally {
    await Promise.allSettled(answers);
  }
}

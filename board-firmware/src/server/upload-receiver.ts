/** An upload goes to disk while it arrives, so that a link that breaks costs nothing that got through. */
import { SluiceError, StoreError } from "@sluice/sdk/errors.js";
import { toHex, type UploadRequest } from "@sluice/sdk/protocol";
import type { AttachmentReceiver } from "../connection/index.js";
import type { PartialSection, SectionStore } from "../store/index.js";

export interface UploadOutcome {
  readonly received: number;
  readonly complete: boolean;
}

export function receiveUpload(
  store: SectionStore,
  request: UploadRequest,
  done: (outcome: UploadOutcome | SluiceError) => void,
): AttachmentReceiver {
  const hash = toHex(request.sha256);
  let partial: PartialSection | undefined;
  let failure: SluiceError | undefined;

  const attempt = (work: () => void) => {
    if (failure) return;
    try {
      work();
    } catch (error) {
      failure =
        error instanceof SluiceError
          ? error
          : new StoreError("store-unusable", "The section store failed.", { place: hash, cause: error });
    }
  };

  const alreadyThere = store.state(hash).complete;
  if (!alreadyThere) {
    attempt(() => {
      partial = store.openPartial(hash, request.bytes);
      if (partial.received !== request.offset) throw wrongOffset(hash, partial.received, request.offset);
    });
  }
  /** The last piece of the section: later ones are not there yet when this one ends. */
  const finish = async (last: boolean): Promise<void> => {
    // A disk that refused a piece is waited for as well, so that the host may go on at once.
    await partial?.written().catch((error: StoreError) => {
      failure ??= error;
    });
    attempt(() => {
      if (partial && last && store.state(hash).received === request.bytes) store.complete(partial);
    });
    done(failure ?? store.state(hash));
  };
  return {
    piece: (bytes) => attempt(() => partial?.append(bytes)),
    end: () => void finish(partial?.full === true),
    // The link is gone; what had arrived stays.
    abandoned: () => attempt(() => partial?.flush()),
  };
}

function wrongOffset(hash: string, received: number, offset: number): StoreError {
  return new StoreError("wrong-offset", "A piece of a section does not follow what the board has.", {
    place: hash,
    expected: `offset ${received}`,
    found: `offset ${offset}`,
    hint: "Go on from the offset the board names.",
    details: { received },
  });
}

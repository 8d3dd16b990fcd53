/** The host's end of a connection, up to the first frame. Used by host-agent's client. */
import { ProtocolError, SecurityError } from "@sluice/sdk/errors.js";
import {
  type Answer,
  decodeAnswer,
  deriveKeys,
  encodeGreeting,
  GREETING_BYTES,
  type LinkKeys,
  makeKeyShare,
  sameBytes,
  startsGreeting,
  toHex,
  VERDICT_BYTES,
} from "@sluice/sdk/protocol";
import type { Transport } from "../transport/transport.js";
import type { HostKeys } from "./host-keys.js";
import { stretchPairingCode } from "./pairing-code.js";
import { SecuredEnd } from "./secured-end.js";

export interface HostEndOptions {
  readonly keys: HostKeys;
  /** Talk to a board that proves nothing although it is not on this machine. */
  readonly insecure?: boolean;
  /** Pair with this one-time code instead of beginning a session. */
  readonly code?: string;
}

export interface ProvenBoard {
  /** Hexadecimal. */
  readonly id: string;
  /** What a pairing leaves behind. */
  readonly pairingKey: Uint8Array;
}

export class HostEnd extends SecuredEnd {
  readonly #options: HostEndOptions;
  #board: ProvenBoard | undefined;

  constructor(inner: Transport, options: HostEndOptions) {
    super(inner);
    this.#options = options;
  }

  /** Undefined when the board did not prove itself. */
  get board(): ProvenBoard | undefined {
    return this.#board;
  }

  protected override async handshake(deadlineMs: number): Promise<void> {
    const { keys, code } = this.#options;
    const share = makeKeyShare();
    const purpose = code === undefined ? "session" : "pairing";
    const greeting = encodeGreeting({ purpose, hostId: keys.hostId, share: share.publicBytes });
    this.inner.send(greeting);
    const answerBytes = await this.#readAnswer();
    const answer = decodeAnswer(answerBytes);
    if (answer.answer === "open") return this.#checkOpen(answer);
    if (answer.answer !== "prove") throw refusal(answer, this.describe());
    const sharedKey =
      code === undefined ? keys.keyOf(answer.boardId) : await stretchPairingCode(code, greeting, answerBytes);
    if (sharedKey === undefined) throw refusal({ ...answer, answer: "not-paired" }, this.describe());
    const protection = this.inner.startTls ? "tls" : "records";
    const said = { protection, greeting, answer: answerBytes } as const;
    const linkKeys = deriveKeys(sharedKey, share, answer.share, said);
    if (protection === "tls") await this.#proveByTls(linkKeys, deadlineMs);
    else await this.#proveByRecords(linkKeys);
    this.#board = { id: toHex(answer.boardId), pairingKey: linkKeys.pairing };
  }

  async #readAnswer(): Promise<Uint8Array> {
    const first = await this.inbox.peek(4);
    if (!startsGreeting(first)) {
      throw new ProtocolError("not-sluice", "What arrives on this link is not the Sluice protocol.", {
        place: this.describe(),
        expected: '"SLG1"',
        found: [...first].map((byte) => byte.toString(16).padStart(2, "0")).join(" "),
        hint: "Check the address or port: another program may be listening there.",
      });
    }
    return (await this.inbox.read(GREETING_BYTES)).slice();
  }

  #checkOpen({ boardId }: Answer): void {
    if (this.#options.keys.keyOf(boardId)) {
      throw new SecurityError(
        "downgraded",
        "A board this host is paired with does not want to prove itself.",
        {
          place: this.describe(),
          expected: "a proof of the shared key",
          found: "a connection without protection",
          hint: "Somebody may pose as the board. If it was reset on purpose: sluice pair --forget, then pair again.",
        },
      );
    }
    if (this.inner.local || this.#options.insecure) return;
    throw new SecurityError("unauthenticated-board", "This board serves everyone and proves nothing.", {
      place: this.describe(),
      expected: "a board that is paired with this host",
      hint: "Start it with --state DIR and run `sluice pair`, or accept the risk with --insecure.",
    });
  }

  async #proveByTls(keys: LinkKeys, deadlineMs: number): Promise<void> {
    try {
      await this.beginTls({ role: "host", key: () => keys.tls }, deadlineMs);
    } catch (error) {
      const isProof = error instanceof SecurityError && error.code === "wrong-key";
      throw isProof ? this.#wrongProof(error) : error;
    }
  }

  async #proveByRecords(keys: LinkKeys): Promise<void> {
    this.inner.send(keys.hostProof);
    const verdict = await this.inbox.read(VERDICT_BYTES);
    if (verdict[0] !== 1 || !sameBytes(verdict.subarray(1), keys.boardProof)) throw this.#wrongProof();
    this.seal(keys, "host");
  }

  #wrongProof(cause?: unknown): SecurityError {
    if (this.#options.code !== undefined) {
      return new SecurityError("wrong-code", "This is not the code the board shows, or it was used before.", {
        place: this.describe(),
        hint: "Every code serves one try: take the new one the board shows, or run `sluice-board pair` there.",
        cause,
      });
    }
    return new SecurityError("wrong-key", "Host and board do not have the same key.", {
      place: this.describe(),
      expected: "the key of their pairing",
      found: "a proof with another",
      hint: "If the board or this host was set up anew, pair them again; else somebody may pose as the board.",
      cause,
    });
  }
}

function refusal({ answer, seconds }: Answer, place: string): SecurityError {
  const [message, hint] = refusals[answer] ?? refusals.version;
  return new SecurityError(answer, message, {
    place,
    expected: answer === "back-off" ? `no try within the next ${seconds} s` : undefined,
    hint,
  });
}

const refusals: Record<string, readonly [message: string, hint: string]> = {
  "not-paired": [
    "This host is not paired with that board.",
    "Run `sluice pair --link LINK` once, with the code the board shows.",
  ],
  "pairing-closed": [
    "The board does not expect to be paired now.",
    "Run `sluice-board pair` on the board, then `sluice pair` here with the code it prints.",
  ],
  "back-off": [
    "The board saw too many wrong proofs from this address and listens again later.",
    "Wait, then check the code or pair again.",
  ],
  crowded: ["Too many hosts try to connect to the board at once.", "Try again in a few seconds."],
  version: ["The board's link security is of another version.", "Install the same Sluice release on both."],
};

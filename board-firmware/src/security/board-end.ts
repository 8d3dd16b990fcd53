/** The board's end of a connection, up to the first frame. */
import { SecurityError, type SluiceError } from "@sluice/sdk/errors.js";
import {
  type Answer,
  decodeGreeting,
  deriveKeys,
  encodeAnswer,
  encodeError,
  encodeFrame,
  frameFlags,
  GREETING_BYTES,
  type Greeting,
  type GreetingAnswer,
  type LinkKeys,
  makeKeyShare,
  PROOF_BYTES,
  type Purpose,
  sameBytes,
  startsGreeting,
  toHex,
  VERDICT_BYTES,
} from "@sluice/sdk/protocol";
import type { Transport } from "../transport/transport.js";
import type { LinkGuard } from "./link-guard.js";
import { stretchPairingCode } from "./pairing-code.js";
import { SecuredEnd } from "./secured-end.js";

export interface ProvenHost {
  /** Hexadecimal. */
  readonly id: string;
  readonly purpose: Purpose;
  /** What a pairing leaves behind. */
  readonly pairingKey: Uint8Array;
}

/** What a try needs: its key, and what to do when it begins. */
interface Attempt {
  readonly key: Uint8Array;
  /** False: this key has been used up meanwhile. */
  readonly begin: () => boolean;
  readonly failure: "wrong-key" | "wrong-code";
}

export class BoardEnd extends SecuredEnd {
  readonly #guard: LinkGuard;
  #host: ProvenHost | undefined;

  constructor(inner: Transport, guard: LinkGuard) {
    super(inner);
    this.#guard = guard;
  }

  /** Undefined on an open board, for a host that did not prove itself. */
  get host(): ProvenHost | undefined {
    return this.#host;
  }

  protected override async handshake(deadlineMs: number): Promise<void> {
    const { access, rate } = this.#guard;
    // A serial line has one address, and its speed is limit enough.
    const address = this.inner.remote;
    if (address !== undefined && !access.open && !rate.take(address)) {
      throw this.#refuse(
        new SecurityError("too-fast", "This address connects too often without proving anything.", {
          place: this.describe(),
        }),
      );
    }
    if (!(await this.#greets())) {
      // A frame, or a stranger's bytes: an open board lets the reader of frames judge them.
      if (access.open) return;
      throw this.#refuse(notPaired(this.describe()), { frame: true });
    }
    const greetingBytes = (await this.inbox.read(GREETING_BYTES)).slice();
    const greeting = decodeGreeting(greetingBytes);
    const share = makeKeyShare();
    const answer = this.#answerTo(greeting);
    const said = encodeAnswer({ ...answer, boardId: access.boardId, share: share.publicBytes });
    if (greeting === undefined || answer.answer !== "prove") {
      this.inner.send(said);
      if (answer.answer === "open") return;
      throw this.#refuse(
        new SecurityError(answer.answer, "The host was turned away.", { place: this.describe() }),
      );
    }
    const attempt = await this.#attempt(greeting, greetingBytes, said);
    const protection = this.inner.startTls ? "tls" : "records";
    const keys = deriveKeys(attempt.key, share, greeting.share, {
      protection,
      greeting: greetingBytes,
      answer: said,
    });
    // Last, because the host begins its proof at once: from here on everything happens in one turn.
    this.inner.send(said);
    if (protection === "tls") await this.#proveByTls(attempt, keys, deadlineMs);
    else await this.#proveByRecords(attempt, keys);
    this.#guard.backOff.succeeded(this.#address);
    rate.giveBack(this.#address);
    this.#guard.authenticated();
    this.#host = { id: toHex(greeting.hostId), purpose: greeting.purpose, pairingKey: keys.pairing };
  }

  protected override onTampered(error: SluiceError): void {
    this.#guard.refused(error.code);
  }

  get #address(): string {
    return this.inner.remote ?? this.describe();
  }

  /** False as soon as one byte is that of something else. */
  async #greets(): Promise<boolean> {
    for (let count = 1; count <= 4; count += 1) {
      if (!startsGreeting(await this.inbox.peek(count))) return false;
    }
    return true;
  }

  #answerTo(greeting: Greeting | undefined): Pick<Answer, "answer" | "seconds"> {
    const { access, backOff } = this.#guard;
    const answer = (name: GreetingAnswer, seconds = 0) => ({ answer: name, seconds });
    if (greeting === undefined) return answer("version");
    const seconds = backOff.secondsLeft(this.#address);
    if (seconds > 0) return answer("back-off", seconds);
    if (greeting.purpose === "pairing") return answer(access.pairingCode() ? "prove" : "pairing-closed");
    if (access.keyOf(greeting.hostId)) return answer("prove");
    return answer(access.open ? "open" : "not-paired");
  }

  async #attempt({ purpose, hostId }: Greeting, ...said: Uint8Array[]): Promise<Attempt> {
    const { access } = this.#guard;
    const code = access.pairingCode();
    if (purpose === "session") {
      const key = access.keyOf(hostId);
      if (key) return { key, begin: () => true, failure: "wrong-key" };
    } else if (code !== undefined) {
      const key = await stretchPairingCode(code, ...said);
      return { key, begin: () => access.useUpCode(code), failure: "wrong-code" };
    }
    throw this.#refuse(notPaired(this.describe())); // forgotten between the answer and now
  }

  async #proveByTls(attempt: Attempt, keys: LinkKeys, deadlineMs: number): Promise<void> {
    let began = false;
    const key = () => {
      began = true;
      return attempt.begin() ? keys.tls : undefined;
    };
    try {
      await this.beginTls({ role: "board", key }, deadlineMs);
    } catch (error) {
      if (!(error instanceof SecurityError)) throw error;
      // A stranger that never came to a proof has not used up a code.
      throw began ? this.#failed(attempt) : this.#refuse(error);
    }
  }

  async #proveByRecords(attempt: Attempt, keys: LinkKeys): Promise<void> {
    const proof = await this.inbox.read(PROOF_BYTES);
    const right = attempt.begin() && sameBytes(proof, keys.hostProof);
    const verdict = new Uint8Array(VERDICT_BYTES);
    if (right) {
      verdict[0] = 1;
      verdict.set(keys.boardProof, 1);
    }
    this.inner.send(verdict);
    if (!right) throw this.#failed(attempt);
    this.seal(keys, "board");
  }

  #failed({ failure }: Attempt): SecurityError {
    this.#guard.backOff.failed(this.#address);
    return this.#refuse(
      new SecurityError(failure, "A host could not prove that it is paired with this board.", {
        place: this.describe(),
        hint: "Nothing to do, unless it is yours: then pair it again.",
      }),
    );
  }

  #refuse(error: SecurityError, { frame = false } = {}): SecurityError {
    this.#guard.refused(error.code);
    if (frame) {
      const header = {
        code: 0,
        flags: frameFlags.REPLY | frameFlags.ERROR,
        sequence: 0,
        id: 0,
        attachmentBytes: 0,
      };
      this.inner.send(encodeFrame(header, encodeError(error)));
    }
    return error;
  }
}

function notPaired(place: string): SecurityError {
  return new SecurityError("not-paired", "This board serves only hosts that are paired with it.", {
    place,
    hint: "Run `sluice pair --link LINK` once, with the code the board shows.",
  });
}

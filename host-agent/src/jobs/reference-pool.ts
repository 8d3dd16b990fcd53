/** Worker threads that run the reference; a request goes to the least busy one. */
import { Worker } from "node:worker_threads";
import { SluiceError } from "@sluice/sdk/errors.js";
import type { ReferenceReply, ReferenceRequest, ReferenceWorkerData } from "./reference-worker.js";

interface Pending {
  readonly resolve: (reply: ReferenceReply) => void;
  readonly reject: (error: Error) => void;
}

interface Member {
  readonly worker: Worker;
  readonly pending: Map<number, Pending>;
}

export class ReferencePool {
  readonly #members: Member[];
  #nextId = 0;

  constructor(data: ReferenceWorkerData, workers: number) {
    const script = new URL("./reference-worker.js", import.meta.url);
    this.#members = Array.from({ length: Math.max(1, workers) }, () => {
      const member: Member = { worker: new Worker(script, { workerData: data }), pending: new Map() };
      member.worker.on("message", (reply: ReferenceReply) => {
        member.pending.get(reply.id)?.resolve(reply);
        member.pending.delete(reply.id);
      });
      member.worker.on("error", (error) => failAll(member, error));
      member.worker.on("exit", () => failAll(member, new Error("the reference worker ended")));
      return member;
    });
  }

  get size(): number {
    return this.#members.length;
  }

  run(inputs: Int32Array, images: number, wantLayers: boolean): Promise<ReferenceReply> {
    const member = this.#members.reduce((best, next) =>
      next.pending.size < best.pending.size ? next : best,
    );
    const request: ReferenceRequest = { id: this.#nextId, inputs, images, wantLayers };
    this.#nextId += 1;
    const reply = new Promise<ReferenceReply>((resolve, reject) => {
      member.pending.set(request.id, { resolve, reject });
      member.worker.postMessage(request);
    });
    // Whoever asked may have failed elsewhere, with the board, before awaiting this.
    reply.catch(() => undefined);
    return reply;
  }

  async close(): Promise<void> {
    await Promise.all(this.#members.map(({ worker }) => worker.terminate()));
  }
}

function failAll(member: Member, cause: unknown): void {
  const error = new SluiceError("reference-failed", "The reference model could not be run.", { cause });
  for (const { reject } of member.pending.values()) reject(error);
  member.pending.clear();
}

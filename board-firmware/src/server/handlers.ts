/** What the board does for each exchange after the handshake; uploads are in upload-receiver.ts. */
import {
  bye,
  dump,
  type Exchange,
  have,
  install,
  layers,
  list,
  MAX_SECTIONS,
  ping,
  reinstall,
  remove,
  run,
  status,
  toHex,
} from "@sluice/sdk/protocol";
import type { LinkGuard } from "../security/index.js";
import type { Board } from "./board.js";

export interface HandlerContext {
  readonly board: Board;
  readonly guard: LinkGuard;
  /** Fires when the connection that asked is gone. */
  readonly signal: AbortSignal;
  /** Gives the hold back. */
  readonly leave: () => void;
}

export interface HandlerResult<Reply> {
  readonly reply: Reply;
  readonly attachment?: Uint8Array;
}

export interface Handler<Request, Reply> {
  readonly exchange: Exchange<Request, Reply>;
  /** Only the connection that holds the device may ask. */
  readonly needsHold: boolean;
  /** Answered at once, even while the device works; the others wait for their turn. */
  readonly immediate: boolean;
  readonly handle: (
    context: HandlerContext,
    request: Request,
    attachment: Uint8Array,
  ) => Promise<HandlerResult<Reply>> | HandlerResult<Reply>;
}

type AnyHandler = Handler<unknown, unknown>;

const handlers = new Map<number, AnyHandler>();

export function handlerFor(code: number): AnyHandler | undefined {
  return handlers.get(code);
}

function on<Request, Reply>(
  exchange: Exchange<Request, Reply>,
  rights: { readonly needsHold: boolean; readonly immediate: boolean },
  handle: Handler<Request, Reply>["handle"],
): void {
  // The request has passed this exchange's own schema before it reaches `handle`.
  handlers.set(exchange.code, { exchange, ...rights, handle } as AnyHandler);
}

const looking = { needsHold: false, immediate: true };
const storing = { needsHold: true, immediate: true };
const working = { needsHold: true, immediate: false };

on(ping, looking, () => ({ reply: {} }));

on(bye, looking, ({ leave }) => {
  leave();
  return { reply: {} };
});

on(have, looking, ({ board }, request) => ({
  reply: { sections: request.sections.map((hash) => board.store.state(toHex(hash))) },
}));

on(list, looking, ({ board: { store } }) => ({
  reply: {
    sections: store
      .list(MAX_SECTIONS)
      .map(({ hash, bytes }) => ({ sha256: new Uint8Array(Buffer.from(hash, "hex")), bytes })),
    count: store.count,
    usedBytes: store.usedBytes,
    capacityBytes: store.capacityBytes,
  },
}));

on(remove, storing, ({ board }, request) => {
  const freed = request.sections.map((hash) => board.store.remove(toHex(hash)));
  const removed = freed.filter((bytes) => bytes > 0).length;
  return { reply: { removed, freedBytes: freed.reduce((sum, bytes) => sum + bytes, 0) } };
});

on(status, looking, ({ board, guard }) => {
  const { holder } = board.hold;
  return {
    reply: {
      uptimeMs: Math.round(performance.now() - board.startedAt),
      model: board.modelNumber,
      holder: holder && {
        client: holder.client,
        link: holder.link,
        sinceMs: Math.round(performance.now() - holder.since),
      },
      frames: board.framesRun,
      storeUsedBytes: board.store.usedBytes,
      storeCapacityBytes: board.store.capacityBytes,
      residentBytes: process.memoryUsage.rss(),
      security: guard.counts,
      readings: board.readings(),
    },
  };
});

on(install, working, async ({ board }, request) => ({ reply: await board.install(request) }));

on(reinstall, working, async ({ board }, { fingerprint }) => ({ reply: await board.reinstall(fingerprint) }));

on(run, working, async ({ board, signal }, { model, indices, readLayers }, frames) => {
  const { reply, outputs } = await board.run(model, indices, frames, readLayers, signal);
  return { reply, attachment: outputs };
});

on(layers, working, ({ board }, { model }) => ({ reply: board.readLayers(model) }));

on(dump, working, async ({ board, signal }, { model, layer, output, index }, frame) => {
  const which = output === 0 ? 0 : 1;
  const { height, width, channels, codes } = await board.dumpLayer(model, layer, which, frame, signal);
  return {
    reply: { index, layer, output, shape: [height, width, channels] },
    attachment: new Uint8Array(codes.buffer, codes.byteOffset, codes.byteLength),
  };
});

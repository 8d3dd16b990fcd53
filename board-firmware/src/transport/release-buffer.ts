/**
 * Gives the memory of a received chunk back at once. A socket brings a new buffer of 64 KiB with every read; left to the
 * garbage collector, each 64 MiB of an upload cost a full collection of the whole heap.
 */
import { MessageChannel, type MessagePort } from "node:worker_threads";

/** Below this a collection is far away, and handing over costs more than it saves. */
const LEAST_BYTES = 8_192;

/** Buffers are handed over together: each hand-over has its price. */
const BATCH_BYTES = 256 * 1024;

let sink: MessagePort | undefined;
let waiting: ArrayBuffer[] = [];
let waitingBytes = 0;

/** The caller guarantees that nobody looks at `bytes` any more; a view of part of a buffer is left alone. */
export function releaseBuffer(bytes: Uint8Array): void {
  const { buffer } = bytes;
  if (bytes.length < LEAST_BYTES || buffer.byteLength !== bytes.length || !(buffer instanceof ArrayBuffer))
    return;
  waiting.push(buffer);
  waitingBytes += buffer.byteLength;
  if (waitingBytes < BATCH_BYTES) return;
  sink ??= deadPort();
  // A message to a port whose other end is closed is dropped, and what was handed over with it is freed.
  sink.postMessage(null, waiting);
  waiting = [];
  waitingBytes = 0;
}

function deadPort(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}

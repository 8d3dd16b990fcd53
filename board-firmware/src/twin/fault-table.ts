/**
 * Every way in which the twin, an emulated board that fails on purpose, can be told to fail. Each is named here once:
 * the command line, the tests, the bench and docs/twin.md read this table.
 */

export interface Fault {
  /** What `--fault` takes. */
  readonly id: string;
  /** What goes wrong on a real board. */
  readonly what: string;
  /** Where the twin makes it go wrong. */
  readonly where: string;
  /** What counts as one opportunity for `@N` and `:p`. */
  readonly opportunity: string;
  /** Codes one of which the host may get. Empty: nothing may be noticed, the result is right. */
  readonly errors: readonly string[];
  /** The same on a serial line, where that differs: the reliable link repeats what a line loses. */
  readonly serialErrors?: readonly string[];
  /** A host that may open its link again finishes the work, and its result is right. */
  readonly survived: boolean;
  /** From the fault to the error, with the twin's settings (TWIN_DEADLINE_FLOOR_MS, TWIN_IDLE_MS), in milliseconds. */
  readonly deadlineMs: number;
}

/** Added to every deadline of a run on the twin; a simulated device without faults has 30 s. */
export const TWIN_DEADLINE_FLOOR_MS = 3_000;
/** Silence after which the twin and its host give each other up. */
export const TWIN_IDLE_MS = 6_000;

const FABRIC_MS = TWIN_DEADLINE_FLOOR_MS + 3_000;
const ANSWER_MS = 5_000;
const LINK_MS = 2 * TWIN_IDLE_MS;
const RESTART_MS = 30_000;

/** Whatever the reader meets first in a stream that lost, gained or changed bytes. */
const brokenStream = [
  "lost-frame",
  "checksum-mismatch",
  "not-sluice",
  "frame-too-long",
  "bad-flags",
  "bad-cbor",
  "disconnected",
  // In the handshake, before there are frames.
  "tampered",
  "wrong-key",
  "downgraded",
  "timeout",
];

export const faultTable = [
  {
    id: "interrupt-lost",
    what: "the overlay's interrupt never comes",
    where: "emulated device, interrupt line",
    opportunity: "a start of the overlay",
    errors: ["deadline"],
    survived: false,
    deadlineMs: FABRIC_MS,
  },
  {
    id: "dma-stall",
    what: "a DMA stops and the overlay stays busy",
    where: "emulated device, slices of a run",
    opportunity: "a start of the overlay",
    errors: ["deadline"],
    survived: false,
    deadlineMs: FABRIC_MS,
  },
  {
    id: "dma-hang",
    what: "a DMA stops for good: the overlay stays busy and ignores ABORT",
    where: "emulated device, slices of a run and the CONTROL register, until it is opened again",
    opportunity: "a start of the overlay",
    errors: ["deadline"],
    survived: false,
    deadlineMs: FABRIC_MS,
  },
  {
    id: "bit-flip-weights",
    what: "one bit of a weight stream flips in DDR",
    where: "emulated DDR, at the start of a run",
    opportunity: "a start of the overlay",
    errors: ["image-damaged"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "bit-flip-program",
    what: "one bit of the layer program flips in DDR",
    where: "emulated DDR, at the start of a run",
    opportunity: "a start of the overlay",
    errors: ["image-damaged"],
    survived: false,
    deadlineMs: FABRIC_MS,
  },
  {
    id: "bit-flip-activations",
    what: "one bit of an input frame flips in DDR",
    where: "emulated DDR, at the start of a run",
    opportunity: "a start of the overlay",
    errors: ["input-damaged"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "bit-flip-output",
    what: "one bit of the last frame's output flips in DDR before the host reads it",
    where: "emulated DDR, at the end of a run",
    opportunity: "a run that ends",
    errors: ["output-damaged"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "stale-cache-line",
    what: "cache maintenance leaves one 64-byte line out",
    where: "emulated DDR, toDevice and toHost",
    opportunity: "a buffer that changes hands",
    errors: ["image-damaged", "input-damaged", "output-damaged", "spill-damaged", "unwritten-output"],
    survived: true,
    deadlineMs: FABRIC_MS,
  },
  {
    id: "out-of-memory",
    what: "contiguous memory has run out",
    where: "emulated device, allocate",
    opportunity: "a buffer that is asked for",
    errors: ["out-of-memory"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "stale-flags",
    what: "fpga_manager keeps stale flags",
    where: "kernel behind the board's files, while the loader runs",
    opportunity: "a load of the overlay",
    errors: ["gate-flags"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "silent-load",
    what: "the load fails, the old design stays, and the state says operating",
    where: "kernel behind the board's files, while the loader runs",
    opportunity: "a load of the overlay",
    errors: ["gate-log"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "wrong-clock",
    what: "the PL clock cannot have the overlay's frequency",
    where: "clock registers behind the board's files, while the loader runs",
    opportunity: "a load of the overlay",
    errors: ["gate-clock"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "disk-full",
    what: "the board's disk is full",
    where: "section store, the write of a piece (ENOSPC)",
    opportunity: "a piece of an upload",
    errors: ["store-full"],
    survived: false,
    deadlineMs: ANSWER_MS,
  },
  {
    id: "brown-out",
    what: "power fails in mid-upload: the process dies at once, the last bytes on disk are zeros",
    where: "section store, the write of a piece; the process kills itself",
    opportunity: "a piece of an upload",
    errors: ["disconnected"],
    survived: true,
    deadlineMs: RESTART_MS,
  },
  {
    id: "link-unplugged",
    what: "the cable is out for a second",
    where: "the board's end of the link, both directions",
    opportunity: "a piece that is sent or arrives",
    errors: ["disconnected", "timeout", "idle"],
    serialErrors: [],
    survived: true,
    deadlineMs: LINK_MS,
  },
  {
    id: "frame-lost",
    what: "a frame is lost",
    where: "the board's end of the link, either direction",
    opportunity: "a piece that is sent or arrives",
    errors: brokenStream,
    serialErrors: [],
    survived: false,
    deadlineMs: LINK_MS,
  },
  {
    id: "frame-duplicated",
    what: "a frame arrives twice",
    where: "the board's end of the link, either direction",
    opportunity: "a piece that is sent or arrives",
    errors: brokenStream,
    serialErrors: [],
    survived: false,
    deadlineMs: LINK_MS,
  },
  {
    id: "frame-corrupted",
    what: "a byte of a frame arrives changed",
    where: "the board's end of the link, either direction",
    opportunity: "a piece that is sent or arrives",
    errors: brokenStream,
    serialErrors: [],
    survived: false,
    deadlineMs: LINK_MS,
  },
  {
    id: "clock-skew",
    what: "the board's time of day jumps by up to a day, as at its first contact with a time server",
    where: "the board process's Date.now",
    opportunity: "a start of the overlay",
    errors: [],
    survived: true,
    deadlineMs: ANSWER_MS,
  },
] as const satisfies readonly Fault[];

export type FaultId = (typeof faultTable)[number]["id"];

export function faultById(id: FaultId): Fault {
  return faultTable.find((fault) => fault.id === id)!;
}

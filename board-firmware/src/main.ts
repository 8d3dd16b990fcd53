/**
 * The board runtime: a device behind its driver, the section store, and the links it serves.
 *
 *   const board = await runBoard({ device: "emulated", tcp: { port: 0 } });
 *   board.ready.tcp   // { host: "127.0.0.1", port: 40123 }
 *   await board.close();
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DeviceError } from "@sluice/sdk/errors.js";
import { geometryById, kv260Geometry, type OverlayGeometry } from "@sluice/sdk/overlay";
import { type BoardKind, boardKinds, type HelloReply } from "@sluice/sdk/protocol";
import { destination, type Logger, pino } from "pino";
import { type OpenDeviceOptions, openDevice } from "./device/open-device.js";
import type { OverlayDevice } from "./device/overlay-device.js";
import {
  type BoardAccess,
  FirstPairing,
  LinkGuard,
  openAccess,
  PairedHosts,
  SignaturePolicy,
} from "./security/index.js";
import { announce } from "./server/announce.js";
import { Board } from "./server/board.js";
import { BoardServer } from "./server/board-server.js";
import { DeviceSlot } from "./server/device-slot.js";
import { listenSerial } from "./server/listeners/serial.js";
import { type Listener, listenTcp, type TcpListener, type WrapTransport } from "./server/listeners/tcp.js";
import { checkOpenLinks } from "./server/open-links.js";
import { SectionStore } from "./store/index.js";
import type { SerialAddress, TcpAddress } from "./transport/index.js";
import {
  type FaultPlan,
  FaultyTransport,
  openTwin,
  storeFaults,
  TWIN_DEADLINE_FLOOR_MS,
  TWIN_IDLE_MS,
} from "./twin/index.js";

export const RELEASE = "0.1.0";
const RETRY_DEVICE_MS = 5_000;

export interface BoardRuntimeOptions {
  /** Name of the device, or a device that is already open (then closed with the runtime). Default "emulated". */
  readonly device?: string | OverlayDevice;
  /** For a device given by name. */
  readonly deviceOptions?: OpenDeviceOptions;
  /** Overlay geometry; default that of the KV260 build. */
  readonly geometry?: string;
  /** What hosts call this board. Default the device's kind. */
  readonly name?: string;
  /** Listens on TCP; loopback and DEFAULT_TCP_PORT unless told otherwise, port 0 for any free one. */
  readonly tcp?: TcpAddress;
  /** Announces the TCP port on the local network by multicast DNS. Default false. */
  readonly announce?: boolean;
  /** Serves these serial ports. */
  readonly serial?: readonly SerialAddress[];
  /**
   * Folder that holds the keys of the hosts this board is paired with; then it serves nobody else. A board that knows no
   * host yet offers a one-time code (`onPairingCode`).
   */
  readonly state?: string;
  /** Who may connect, when it is not what a state folder says. */
  readonly access?: BoardAccess;
  /** Serves everyone who reaches its links, also beyond this machine. Default false. */
  readonly insecure?: boolean;
  /** Installs only packages that one of these has signed (Ed25519 public keys, 32 bytes each). Default: everything. */
  readonly trustedSigners?: readonly Uint8Array[];
  /** A code that pairs one host; called again when a wrong try used one up. Default: it is logged. */
  readonly onPairingCode?: (code: string) => void;
  /** Directory of the section store; a temporary one, removed at the end, when absent. */
  readonly store?: string;
  readonly storeBytes?: number;
  readonly limits?: Partial<HelloReply["limits"]>;
  /** Serves even while the device cannot be opened, says why to whoever asks, and tries again. Default false. */
  readonly retryDevice?: boolean;
  /** Makes the emulated board fail on purpose. Implies `retryDevice`. */
  readonly faults?: FaultPlan;
  /** Added to every deadline of a run, in milliseconds. Default: DriverOptions.deadlineFloorMs. */
  readonly deadlineFloorMs?: number;
  /** pino level; logs go to standard error. Default "warn". */
  readonly logLevel?: string;
}

/** What the ready line on standard output says. */
export interface ReadyFacts {
  readonly ready: true;
  readonly pid: number;
  readonly board: string;
  readonly kind: BoardKind;
  readonly geometry: string;
  readonly authentication: HelloReply["authentication"];
  readonly tcp?: { readonly host: string; readonly port: number };
  /** Paths of the serial ports. */
  readonly serial?: readonly string[];
}

export interface BoardRuntime {
  readonly ready: ReadyFacts;
  /** Ends every connection, lets the device finish its work, closes everything. */
  close(): Promise<void>;
}

/** Resolves when every link listens. Nothing stays open when it throws. */
export async function runBoard(options: BoardRuntimeOptions = {}): Promise<BoardRuntime> {
  const log = makeLog(options.logLevel ?? "warn");
  const cleanups: (() => Promise<void> | void)[] = [];
  const close = async () => {
    while (cleanups.length > 0) await cleanups.pop()!();
  };
  try {
    checkOpenLinks(options);
    const geometry = geometryById(options.geometry ?? kv260Geometry.id);
    const { faults } = options;
    if (faults) {
      faults.watch((fault) => log.warn({ fault }, "fault injected"));
      cleanups.push(() => faults.end());
    }
    const slot = await fillSlot(options, geometry, log);
    cleanups.push(() => slot.close());
    const kind = kindOf(slot.device);
    const directory = options.store ?? temporaryStore(cleanups);
    const board = new Board({
      identity: { kind, name: options.name ?? kind, device: describeDevice(slot.device), release: RELEASE },
      runner: slot,
      store: new SectionStore(directory, {
        capacityBytes: options.storeBytes,
        faults: faults && storeFaults(faults),
      }),
      signatures: options.trustedSigners && new SignaturePolicy(options.trustedSigners),
      readings: () => slot.opened?.readings?.(),
      log,
    });
    const guard = makeGuard(options, log, cleanups);
    const limits = { ...(faults && { idleMs: TWIN_IDLE_MS }), ...options.limits };
    const server = new BoardServer({ board, log, limits, guard });
    const wrap: WrapTransport = (raw) => (faults ? new FaultyTransport(raw, faults) : raw);
    const listeners: Listener[] = [];
    cleanups.push(async () => {
      // Listening stops first, so that nobody connects to a server that is closing.
      const stopped = Promise.all(listeners.map((listener) => listener.close()));
      await server.close();
      await stopped;
    });
    let tcp: TcpListener | undefined;
    if (options.tcp) {
      tcp = await listenTcp(server, options.tcp, wrap);
      listeners.push(tcp);
    }
    for (const address of options.serial ?? [])
      listeners.push(await listenSerial(server, address, log, wrap));
    if (options.announce && tcp) {
      const announcement = await announce({ name: board.identity.name, port: tcp.port }, log);
      cleanups.push(() => announcement.stop());
    }
    log.info({ links: listeners.map(({ link }) => link) }, "listening");
    return {
      ready: {
        ready: true,
        pid: process.pid,
        board: board.identity.name,
        kind,
        geometry: slot.device.geometry.id,
        authentication: guard.access.open ? "none" : "pre-shared-key",
        tcp: tcp && { host: tcp.host, port: tcp.port },
        serial: options.serial?.map(({ path }) => path),
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function makeGuard(options: BoardRuntimeOptions, log: Logger, cleanups: (() => void)[]): LinkGuard {
  const { state, access, insecure = false } = options;
  if (access || state === undefined) {
    return new LinkGuard(access ?? openAccess(new Uint8Array(randomBytes(16))));
  }
  const hosts = new PairedHosts(state, { open: insecure });
  const show =
    options.onPairingCode ?? ((code) => log.warn({ code }, "no host is paired: sluice pair --code"));
  const first = new FirstPairing(hosts, show);
  cleanups.push(() => first.stop());
  if (!insecure) first.start();
  return new LinkGuard(hosts, { onWrongCode: () => first.failed() });
}

/** The slot with the device in it; an empty one only where somebody will try again. */
async function fillSlot(
  options: BoardRuntimeOptions,
  geometry: OverlayGeometry,
  log: Logger,
): Promise<DeviceSlot> {
  const { device: wanted = "emulated", faults } = options;
  if (faults && wanted !== "emulated") {
    throw new DeviceError("bad-fault", "Only the emulated board can be told to fail.", {
      place: "--fault",
      expected: "--device emulated",
      found: typeof wanted === "string" ? wanted : wanted.kind,
      hint: "Leave out --device, or leave out --fault.",
    });
  }
  const keepTrying = options.retryDevice || faults !== undefined;
  let failure: unknown;
  const openOnce = async (): Promise<OverlayDevice> => {
    if (typeof wanted !== "string") return wanted;
    return faults ? openTwin(geometry, faults) : openDevice(wanted, geometry, options.deviceOptions);
  };
  const slot = new DeviceSlot({
    open: () =>
      openOnce().catch((error: unknown) => {
        failure = error;
        throw error;
      }),
    kind: typeof wanted === "string" ? wanted : wanted.kind,
    geometry,
    driver: { deadlineFloorMs: options.deadlineFloorMs ?? (faults && TWIN_DEADLINE_FLOOR_MS) },
    reopens: typeof wanted === "string",
    retryMs: faults ? 0 : RETRY_DEVICE_MS,
    log: keepTrying ? log : undefined,
  });
  await slot.fill();
  if (slot.opened === undefined && !keepTrying) throw failure;
  return slot;
}

function kindOf(device: Pick<OverlayDevice, "kind">): BoardKind {
  return boardKinds.find((kind) => kind === device.kind) ?? "emulated";
}

function describeDevice(device: Pick<OverlayDevice, "kind" | "geometry">): string {
  const { id, clockMHz } = device.geometry;
  return `${device.kind} overlay ${id} at ${clockMHz} MHz`;
}

function temporaryStore(cleanups: (() => void)[]): string {
  const directory = mkdtempSync(join(tmpdir(), "sluice-store-"));
  cleanups.push(() => rmSync(directory, { recursive: true, force: true }));
  return directory;
}

/** Standard output belongs to the ready line. */
function makeLog(level: string): Logger {
  return pino({ level, base: null }, destination({ dest: 2, sync: true }));
}

/**
 * A KV260's files in a temporary directory, with the shapes its Linux gives them, and a kernel that answers writes the
 * way the real one does: fpga_manager, configfs overlays, the kernel log, the UIO node an overlay brings. /dev/mem and
 * the other device nodes are files, so that the real mmap code runs on them.
 */
import {
  appendFileSync,
  closeSync,
  existsSync,
  ftruncateSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readSync,
  rmSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { LoaderError } from "@sluice/sdk/errors.js";
import {
  OVERLAY_ID,
  OVERLAY_VERSION,
  type OverlayGeometry,
  registers,
  smallGeometry,
} from "@sluice/sdk/overlay";
import { BoardFiles } from "../board-files/index.js";
import { overlayBuild } from "./bitstream-file.js";

export const REGISTER_BASE = 0xa000_0000;
const DEV_MEM_BYTES = 2 ** 32;
const CRL_APB = 0xff5e_0000;
/** IOPLL at 999.99 MHz: feedback 60 of 33.333 MHz, halved. */
const IOPLL_CTRL = (60 << 8) | (1 << 16);
const IOPLL_700_MHZ = (42 << 8) | (1 << 16);
const PL0_100_MHZ = (1 << 24) | (1 << 16) | (10 << 8);

export interface TreeFaults {
  /** `flags` keeps its old value, whatever is written. */
  readonly flagsStuck?: boolean;
  /** Every load fails, the old design stays, and `state` still says operating. */
  readonly loadFailsSilently?: boolean;
  /** The write to `firmware` does nothing at all. */
  readonly loadIgnored?: boolean;
  /** `state` after the load. */
  readonly state?: string;
  /** The write to `firmware` fails with this errno. */
  readonly firmwareErrno?: string;
  /** `status` of the device-tree overlay. */
  readonly overlayStatus?: string;
  /** The overlay brings no UIO node: the boot argument is missing. */
  readonly noUio?: boolean;
  /** The PLL behind the PL clocks runs at 700 MHz, of which no whole-number division suits the overlay. */
  readonly pllWrong?: boolean;
  /** What answers at ID and VERSION after the load. */
  readonly id?: number;
  readonly version?: number;
}

export interface TreeOptions {
  readonly geometry?: OverlayGeometry;
  readonly faults?: TreeFaults;
  /** Path the UIO node leads to (a pseudo-terminal); the registers are then only in /dev/mem. */
  readonly uioNode?: string;
  readonly udmabuf?:
    | { readonly bytes?: number; readonly address?: string; readonly coherent?: boolean }
    | false;
  readonly cmaFreeKiB?: number;
  /** The firmware-name of the device-tree overlay: applying it programs the fabric. */
  readonly firmwareName?: string;
  readonly model?: { readonly model: string; readonly compatible: readonly string[] };
}

export interface Kv260Tree {
  readonly root: string;
  readonly files: KernelFiles;
  readonly overlayFolder: string;
  put(path: string, content: string | Uint8Array): void;
  text(path: string): string;
  remove(path: string): void;
  readMem(address: number): number;
  writeMem(address: number, value: number): void;
  cleanup(): void;
}

const FPGA = "/sys/class/fpga_manager/fpga0";
const OVERLAYS = "/sys/kernel/config/device-tree/overlays";

export function makeKv260Tree(options: TreeOptions = {}): Kv260Tree {
  const root = mkdtempSync(join(tmpdir(), "sluice-kv260-"));
  const geometry = options.geometry ?? smallGeometry;
  const put = (path: string, content: string | Uint8Array): void => {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  };
  const sparse = (path: string, bytes: number): void => {
    put(path, "");
    const descriptor = openSync(join(root, path), "r+");
    ftruncateSync(descriptor, bytes);
    closeSync(descriptor);
  };
  const { model, compatible } = options.model ?? {
    model: "ZynqMP SMK-K26 Rev1/B/A",
    compatible: ["xlnx,zynqmp-sk-kv260-rev1", "xlnx,zynqmp-smk-k26-rev1", "xlnx,zynqmp"],
  };
  put("/proc/device-tree/model", `${model}\0`);
  put("/proc/device-tree/compatible", `${compatible.join("\0")}\0`);
  put("/proc/device-tree/__symbols__/fpga_full", "/fpga-full\0");
  put("/proc/cpuinfo", cpuinfo());
  put("/proc/cmdline", "root=/dev/mmcblk1p2 uio_pdrv_genirq.of_id=generic-uio cma=1000M\n");
  const cmaFree = options.cmaFreeKiB ?? 901_232;
  put(
    "/proc/meminfo",
    `MemTotal:        4025748 kB\nMemFree:         2011088 kB\nMemAvailable:    3208412 kB\nCmaTotal:        1024000 kB\nCmaFree:         ${String(cmaFree).padStart(8)} kB\n`,
  );
  put(`${FPGA}/name`, "Xilinx ZynqMP FPGA Manager\n");
  put(`${FPGA}/state`, "operating\n");
  put(`${FPGA}/flags`, "1\n");
  put(`${FPGA}/firmware`, "");
  mkdirSync(join(root, OVERLAYS), { recursive: true });
  mkdirSync(join(root, "/lib/firmware/xilinx"), { recursive: true });
  put("/dev/kmsg", "6,1,100000,-;Booting Linux on physical CPU 0x0000000000 [0x410fd034]\n SUBSYSTEM=cpu\n");
  for (let index = 0; index < 4; index += 1) {
    put(`/sys/class/uio/uio${index}/name`, "axi-pmon\n");
    put(`/sys/class/uio/uio${index}/maps/map0/addr`, "0x00000000fd0b0000\n");
    put(`/sys/class/uio/uio${index}/maps/map0/size`, "0x0000000000010000\n");
    put(`/dev/uio${index}`, "");
  }
  put("/sys/class/hwmon/hwmon0/name", "r5_core_thermal\n");
  put("/sys/class/hwmon/hwmon2/name", "ina260_u14\n");
  put("/sys/class/hwmon/hwmon2/power1_input", "3820000\n");
  put("/sys/class/hwmon/hwmon2/curr1_input", "763\n");
  put("/sys/class/hwmon/hwmon2/in1_input", "5012\n");
  const ams = "/sys/bus/iio/devices/iio:device0";
  put(`${ams}/name`, "xilinx-ams\n");
  put(`${ams}/in_temp0_ps_temp_raw`, "42012\n");
  put(`${ams}/in_temp0_ps_temp_scale`, "7.771514892\n");
  put(`${ams}/in_temp0_ps_temp_offset`, "-36058\n");
  if (options.udmabuf !== false) {
    const { bytes = 2 ** 22, address = "0x0000000070000000", coherent = false } = options.udmabuf ?? {};
    const folder = "/sys/class/u-dma-buf/udmabuf0";
    put(`${folder}/phys_addr`, `${address}\n`);
    put(`${folder}/size`, `${bytes}\n`);
    put(`${folder}/sync_mode`, "1\n");
    put(`${folder}/dma_coherent`, coherent ? "1\n" : "0\n");
    put(`${folder}/sync_for_cpu`, "");
    put(`${folder}/sync_for_device`, "");
    sparse("/dev/udmabuf0", bytes);
  }
  sparse("/dev/mem", DEV_MEM_BYTES);
  const mem = (address: number, value?: number): number => {
    const descriptor = openSync(join(root, "/dev/mem"), "r+");
    const word = Buffer.alloc(4);
    if (value === undefined) readSync(descriptor, word, 0, 4, address);
    else {
      word.writeUInt32LE(value >>> 0);
      writeSync(descriptor, word, 0, 4, address);
    }
    closeSync(descriptor);
    return word.readUInt32LE();
  };
  mem(CRL_APB + 0x20, options.faults?.pllWrong ? IOPLL_700_MHZ : IOPLL_CTRL);
  mem(CRL_APB + 0xc0, PL0_100_MHZ);
  mem(0xfd61_5000, 0xa00);
  const build = overlayBuild(geometry);
  const overlayFolder = `/usr/share/sluice/overlays/${geometry.id}`;
  for (const [name, bytes] of Object.entries(build.files)) put(`${overlayFolder}/${name}`, bytes);
  put(`${overlayFolder}/manifest.json`, JSON.stringify(build.manifest, undefined, 2));
  const files = new KernelFiles(root, options, mem);
  return {
    root,
    files,
    overlayFolder,
    put,
    text: (path) => readFileSync(join(root, path), "utf8"),
    remove: (path) => rmSync(join(root, path), { recursive: true, force: true }),
    readMem: (address) => mem(address),
    writeMem: mem,
    cleanup: () => rmSync(root, { recursive: true, force: true }),
  };
}

/** Of the processing system's four Cortex-A53. */
function cpuinfo(): string {
  const core = (index: number): string =>
    `processor\t: ${index}\nBogoMIPS\t: 66.66\nFeatures\t: fp asimd evtstrm aes pmull sha1 sha2 crc32 cpuid\n` +
    "CPU implementer\t: 0x41\nCPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0xd03\nCPU revision\t: 4\n";
  return [0, 1, 2, 3].map(core).join("\n");
}

/** The kernel behind the files. */
export class KernelFiles extends BoardFiles {
  /** Device nodes that were opened, in order. */
  readonly opened: string[] = [];
  readonly #options: TreeOptions;
  readonly #mem: (address: number, value?: number) => number;
  #sequence = 1;

  constructor(root: string, options: TreeOptions, mem: (address: number, value?: number) => number) {
    super(root);
    this.#options = options;
    this.#mem = mem;
  }

  get faults(): TreeFaults {
    return this.#options.faults ?? {};
  }

  /** Appends a record to the kernel's log. */
  log(message: string, priority = 6): void {
    this.#sequence += 1;
    const record = `${priority},${this.#sequence},${this.#sequence * 100_000},-;${message}\n`;
    appendFileSync(this.locate("/dev/kmsg"), record);
  }

  override open(path: string, flags: number): number {
    this.opened.push(path);
    return super.open(path, flags);
  }

  override write(path: string, content: string | Uint8Array): void {
    if (path === `${FPGA}/flags` && this.faults.flagsStuck) return;
    super.write(path, content);
    if (path === `${FPGA}/firmware`) this.#program(String(content));
    const overlay = /^(\/sys\/kernel\/config\/device-tree\/overlays\/[^/]+)\/dtbo$/.exec(path);
    if (overlay) this.#apply(overlay[1]);
  }

  override makeDirectory(path: string): void {
    super.makeDirectory(path);
    if (!path.startsWith(`${OVERLAYS}/`)) return;
    for (const [name, text] of Object.entries({ dtbo: "", path: "\n", status: "unapplied\n" })) {
      writeFileSync(this.locate(`${path}/${name}`), text);
    }
  }

  override removeDirectory(path: string): void {
    rmSync(this.locate(path), { recursive: true });
    rmSync(this.locate("/sys/class/uio/uio4"), { recursive: true, force: true });
    rmSync(this.locate("/dev/uio4"), { force: true });
    this.log(
      "OF: ERROR: memory leak, expected refcount 1 instead of 2, of_node_get()/of_node_put() unbalanced - destroy cset entry: attach overlay node /fpga-full",
      3,
    );
  }

  #program(name: string): void {
    const { faults } = this;
    if (faults.loadIgnored) return;
    this.log(`fpga_manager fpga0: writing ${name} to Xilinx ZynqMP FPGA Manager`);
    const image = this.locate(`/lib/firmware/${name}`);
    const flags = Number(readFileSync(this.locate(`${FPGA}/flags`), "utf8"));
    const broken = !existsSync(image) || readFileSync(image).readUInt32BE(48) !== 0x6655_99aa;
    if (faults.firmwareErrno || faults.loadFailsSilently || flags !== 0 || broken) {
      this.log("fpga_manager fpga0: Error while writing image data to FPGA", 3);
      this.log("fpga_manager fpga0: fpga_mgr_load returned with value -22", 3);
    } else {
      this.#mem(0xff5e_00c0, PL0_100_MHZ);
      this.#answer(REGISTER_BASE, "/dev/mem");
    }
    writeFileSync(this.locate(`${FPGA}/state`), `${faults.state ?? "operating"}\n`);
    if (faults.firmwareErrno) {
      throw new LoaderError("node-failed", `The kernel refused to write ${FPGA}/firmware.`, {
        place: `${FPGA}/firmware`,
        found: faults.firmwareErrno,
      });
    }
  }

  #apply(folder: string): void {
    const { faults } = this;
    if (this.#options.firmwareName) this.#program(this.#options.firmwareName);
    const leak = "OF: overlay: WARNING: memory leak will occur if overlay removed, property:";
    this.log(`${leak} /fpga-full/firmware-name`, 4);
    writeFileSync(this.locate(`${folder}/status`), `${faults.overlayStatus ?? "applied"}\n`);
    if (faults.overlayStatus || faults.noUio) {
      if (faults.overlayStatus) this.log("OF: overlay: no symbols in root of device tree", 3);
      return;
    }
    const uio = this.locate("/sys/class/uio/uio4");
    mkdirSync(uio, { recursive: true });
    writeFileSync(join(uio, "name"), "sluice\n");
    if (this.#options.uioNode) {
      symlinkSync(this.#options.uioNode, this.locate("/dev/uio4"));
      return;
    }
    mkdirSync(join(uio, "maps/map0"), { recursive: true });
    writeFileSync(join(uio, "maps/map0/addr"), `0x00000000${REGISTER_BASE.toString(16)}\n`);
    writeFileSync(join(uio, "maps/map0/size"), "0x0000000000001000\n");
    writeFileSync(this.locate("/dev/uio4"), new Uint8Array(4096));
    this.#answer(0, "/dev/uio4");
  }

  /** The overlay's identity, where its registers are mapped. */
  #answer(base: number, path: string): void {
    const descriptor = openSync(this.locate(path), "r+");
    const word = Buffer.alloc(4);
    for (const [register, value] of [
      [registers.ID, this.faults.id ?? OVERLAY_ID],
      [registers.VERSION, this.faults.version ?? OVERLAY_VERSION],
    ] as const) {
      word.writeUInt32LE(value >>> 0);
      writeSync(descriptor, word, 0, 4, base + register.offset);
    }
    closeSync(descriptor);
  }
}

/**
 * The overlay's AXI4-Lite registers, defined once. The driver, the emulator, the generated SystemVerilog package and
 * docs/registers.md all come from this table. All registers are 32 bits wide and word aligned.
 */

export type RegisterAccess = "ro" | "rw" | "wo" | "w1c";

export interface RegisterSpec {
  readonly offset: number;
  readonly access: RegisterAccess;
  readonly doc: string;
}

/** "SLCE" in ASCII, little-endian. */
export const OVERLAY_ID = 0x4543_4c53;
/** Version of this contract: major << 16 | minor. A driver refuses another major. */
export const OVERLAY_VERSION = 0x0001_0000;

export const registers = {
  ID: { offset: 0x000, access: "ro", doc: "Always 0x45434C53 (SLCE)" },
  VERSION: { offset: 0x004, access: "ro", doc: "Contract version, major << 16 | minor" },
  GEOMETRY: { offset: 0x008, access: "ro", doc: "P | I << 8 | O << 16 | decoder lanes << 24" },
  CAPABILITY: {
    offset: 0x00c,
    access: "ro",
    doc: "Bit n: weight codec n can be decoded; bits 31:16 requantise lanes | depthwise channels << 8",
  },
  ACTIVATION_ROWS: { offset: 0x010, access: "ro", doc: "Rows of the activation memory" },
  WEIGHT_LINES: { offset: 0x014, access: "ro", doc: "Lines of one half of the weight tile buffer" },
  CONTROL: {
    offset: 0x020,
    access: "wo",
    doc: "Bit 0 START, bit 1 ABORT (stop at the next beat, then IDLE)",
  },
  STATUS: { offset: 0x024, access: "ro", doc: "Bit 0 BUSY, bit 1 DONE, bit 2 ERROR" },
  ERROR: { offset: 0x028, access: "ro", doc: "Error code of the last run (overlayErrors); 0 = none" },
  ERROR_COMMAND: { offset: 0x02c, access: "ro", doc: "Index of the command that failed" },
  IRQ_ENABLE: { offset: 0x030, access: "rw", doc: "Bit 0: interrupt when DONE or ERROR is set" },
  IRQ_STATUS: { offset: 0x034, access: "w1c", doc: "Bit 0: interrupt pending; write 1 to clear" },
  IMAGE_BASE_LO: { offset: 0x040, access: "rw", doc: "DDR address of the model image; 4,096-byte aligned" },
  IMAGE_BASE_HI: { offset: 0x044, access: "rw", doc: "Upper 32 bits" },
  INPUT_BASE_LO: {
    offset: 0x048,
    access: "rw",
    doc: "DDR address of the first input frame; 64-byte aligned",
  },
  INPUT_BASE_HI: { offset: 0x04c, access: "rw", doc: "Upper 32 bits" },
  OUTPUT_BASE_LO: {
    offset: 0x050,
    access: "rw",
    doc: "DDR address of the first output frame; 64-byte aligned",
  },
  OUTPUT_BASE_HI: { offset: 0x054, access: "rw", doc: "Upper 32 bits" },
  SCRATCH_BASE_LO: { offset: 0x058, access: "rw", doc: "DDR address of the spill region; 64-byte aligned" },
  SCRATCH_BASE_HI: { offset: 0x05c, access: "rw", doc: "Upper 32 bits" },
  COMMAND_OFFSET: { offset: 0x060, access: "rw", doc: "Byte offset of the first command in the image" },
  COMMAND_COUNT: { offset: 0x064, access: "rw", doc: "Commands to run, END included" },
  TABLES_OFFSET: {
    offset: 0x068,
    access: "rw",
    doc: "Byte offset of the weight codec's tables in the image",
  },
  TABLES_BYTES: { offset: 0x06c, access: "rw", doc: "Bytes of the weight codec's tables; loaded at START" },
  FRAME_COUNT: { offset: 0x070, access: "rw", doc: "Times the program runs, each on the next input frame" },
  INPUT_STRIDE: {
    offset: 0x074,
    access: "rw",
    doc: "Bytes from one input frame to the next; multiple of 64",
  },
  OUTPUT_STRIDE: {
    offset: 0x078,
    access: "rw",
    doc: "Bytes from one output frame to the next; multiple of 64",
  },
  FRAMES_DONE: { offset: 0x07c, access: "ro", doc: "Frames finished since START" },
  CYCLES_LO: { offset: 0x080, access: "ro", doc: "Fabric cycles since START, over all frames" },
  CYCLES_HI: { offset: 0x084, access: "ro", doc: "Upper 32 bits" },
  STALL_WEIGHTS: {
    offset: 0x088,
    access: "ro",
    doc: "Cycles of the last frame in which the array waited for weights",
  },
  STALL_DATA: {
    offset: 0x08c,
    access: "ro",
    doc: "Cycles of the last frame spent in LOAD and STORE or waiting for channel parameters and tables",
  },
  WEIGHT_BEATS: { offset: 0x090, access: "ro", doc: "Beats the weight port moved in the last frame" },
  LAYER_SELECT: { offset: 0x0a0, access: "rw", doc: "Layer whose counters the next six registers show" },
  LAYER_CYCLES: {
    offset: 0x0a4,
    access: "ro",
    doc: "Cycles of the selected layer in the last frame, its LOAD and STORE included",
  },
  LAYER_STALL_WEIGHTS: { offset: 0x0a8, access: "ro", doc: "Of those, cycles waiting for weights" },
  LAYER_WEIGHT_BEATS: { offset: 0x0ac, access: "ro", doc: "Weight port beats of the selected layer" },
  LAYER_CRC0: { offset: 0x0b0, access: "ro", doc: "CRC-32C of the layer's first output in engine order" },
  LAYER_CRC1: { offset: 0x0b4, access: "ro", doc: "CRC-32C of the layer's second output, 0 without one" },
} as const satisfies Record<string, RegisterSpec>;

export type RegisterName = keyof typeof registers;

export const REGISTER_SPACE_BYTES = 0x1000;

export const control = { START: 1, ABORT: 2 } as const;
export const status = { BUSY: 1, DONE: 2, ERROR: 4 } as const;

/** Values of the ERROR register. The overlay never hangs on a bad command: it stops with one of these. */
export const overlayErrors = {
  NONE: 0,
  /** Opcode or a field of the command is not defined. */
  BAD_COMMAND: 1,
  /** A tensor lies outside the activation memory. */
  ACTIVATION_RANGE: 2,
  /** A weight tile does not fit into the tile buffer. */
  WEIGHT_RANGE: 3,
  /** The weight stream is damaged: bad header, checksum, or it ended early. */
  WEIGHT_STREAM: 4,
  /** The command names a codec this build has no decoder for. */
  UNSUPPORTED_CODEC: 5,
  /** A DDR access was answered with an error or lies outside the image. */
  MEMORY: 6,
  /** Stopped by CONTROL.ABORT. */
  ABORTED: 7,
  /** The codec tables are damaged. */
  TABLES: 8,
} as const;

export type OverlayErrorName = keyof typeof overlayErrors;

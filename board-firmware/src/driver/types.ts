/** What the driver takes and returns. Nothing here knows which device is underneath. */

/** What the identity registers say; compared with a plan before anything is written to the device. */
export interface OverlayIdentity {
  readonly id: number;
  readonly versionMajor: number;
  readonly versionMinor: number;
  readonly pixels: number;
  readonly inputs: number;
  readonly outputs: number;
  readonly decoderLanes: number;
  readonly requantizeLanes: number;
  readonly depthwiseChannels: number;
  readonly activationRows: number;
  readonly weightLines: number;
  /** Ids of the weight codecs the build can decode, ascending. */
  readonly codecs: readonly number[];
}

export interface DriverOptions {
  /** Most frames of one START. Default: as many as `batchBytes` holds. */
  readonly batchFrames?: number;
  /** Bytes of input plus output buffers the driver may take. Default 16 MiB. */
  readonly batchBytes?: number;
  /** Added to every deadline, in milliseconds. Default 2,000 on a board, 30,000 on a simulated device. */
  readonly deadlineFloorMs?: number;
}

export interface RunOptions {
  /** For one batch, in milliseconds. Default: from the plan's cycles, the clock and the device's slowdown. */
  readonly deadlineMs?: number;
  /** Stops the run at the next opportunity; the promise rejects with DeviceError `aborted`. */
  readonly signal?: AbortSignal;
  /** Called after each batch with the frames done so far. */
  readonly onProgress?: (framesDone: number) => void;
}

export interface RunCounters {
  /** Fabric cycles over all frames, DMA included. */
  readonly cycles: number;
  /** Of the last frame: cycles in which the array waited for weights, and for LOAD or STORE. */
  readonly stallWeights: number;
  readonly stallData: number;
  /** Beats the weight port moved in the last frame. */
  readonly weightBeats: number;
}

export interface RunResult extends RunCounters {
  readonly frames: number;
  /** `frames * plan.outputFrameBytes` bytes, frame after frame. */
  readonly outputs: Uint8Array;
}

/** Counters of one layer in the last frame that ran. */
export interface LayerCounters {
  readonly layer: number;
  readonly cycles: number;
  readonly stallWeights: number;
  readonly weightBeats: number;
  /** CRC-32C in engine order of the first and the second output (0 without a second one). */
  readonly crc0: number;
  readonly crc1: number;
}

/** One output of one layer, for one input frame. */
export interface LayerDump {
  readonly layer: number;
  readonly output: 0 | 1;
  readonly height: number;
  readonly width: number;
  readonly channels: number;
  /** int8 codes, row-major [height][width][channels]. */
  readonly codes: Int8Array;
}

/** What a plan takes from the device's DDR, in bytes. */
export interface MemoryBudget {
  readonly image: number;
  readonly input: number;
  readonly output: number;
  readonly scratch: number;
  /** Frames one batch holds with these buffers. */
  readonly batchFrames: number;
  readonly total: number;
}

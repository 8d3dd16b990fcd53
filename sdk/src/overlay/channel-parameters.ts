/**
 * The requantisation parameters of one output channel: 16 bytes, little-endian.
 *
 *   offset  bytes  field
 *        0      4  bias        int32, added to the accumulator
 *        4      4  multiplier  int32, stage A
 *        8      1  shiftA      0..62, stage A
 *        9      1  shiftB      0..31, stage B
 *       10      6  zero
 *
 * The engine's product has 76 bits, so the scale multiplier / 2^shiftA lies in -2^20 .. 2^20 (the upper end excluded).
 * CONV and DEPTHWISE have one record per output channel, rounded up to whole output tiles; POOL and ADD have one.
 */
export const CHANNEL_PARAMETER_BYTES = 16;
const SCALE_BITS = 20;

export interface ChannelParameters {
  readonly bias: number;
  readonly multiplier: number;
  readonly shiftA: number;
  readonly shiftB: number;
}

/** Whether the engine can scale by multiplier / 2^shiftA; any int32 will do from a shift of 11 on. */
export function isEngineScale(multiplier: number, shiftA: number): boolean {
  const limit = 2 ** (SCALE_BITS + shiftA);
  return multiplier >= -limit && multiplier < limit;
}

export function packChannelParameters(channels: readonly ChannelParameters[]): Uint8Array {
  const view = new DataView(new ArrayBuffer(channels.length * CHANNEL_PARAMETER_BYTES));
  channels.forEach(({ bias, multiplier, shiftA, shiftB }, index) => {
    const base = index * CHANNEL_PARAMETER_BYTES;
    view.setInt32(base, bias, true);
    view.setInt32(base + 4, multiplier, true);
    view.setUint8(base + 8, shiftA);
    view.setUint8(base + 9, shiftB);
  });
  return new Uint8Array(view.buffer);
}

export function unpackChannelParameters(bytes: Uint8Array, count: number): ChannelParameters[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, count * CHANNEL_PARAMETER_BYTES);
  return Array.from({ length: count }, (_, index) => {
    const base = index * CHANNEL_PARAMETER_BYTES;
    return {
      bias: view.getInt32(base, true),
      multiplier: view.getInt32(base + 4, true),
      shiftA: view.getUint8(base + 8),
      shiftB: view.getUint8(base + 9),
    };
  });
}

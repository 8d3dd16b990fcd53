/**
 * Primitives of UltraScale+ in a mapped module, in the units the K26's data sheet uses.
 *
 * LUT counts every LUT site: logic, and LUT memory at the LUTs its primitive occupies (lutMemory says how many of them).
 */

/** Kria K26 (XCK26-SFVC784-2LV-C). */
export const K26 = { lut: 117_120, ff: 234_240, dsp: 1_248, bram36: 144, uram: 64 };

/** The reference thesis, table 7.1: its accelerator without and with one DEFLATE decoder. */
export const THESIS = {
  without: { lut: 70_174, ff: 63_194, dsp: 773, bram36: 186, uram: 63 },
  with: { lut: 85_300, ff: 75_569, dsp: 773, bram36: 197, uram: 64 },
};

/** What the overlay has to stay below, so that routing and timing have room. */
export const TARGET = { lut: 80_000, dsp: 1_100, bram36: 130, uram: 64, levels: 7 };

/** LUT sites of the LUT memory primitives. */
const LUT_MEMORY = {
  RAM32X1S: 1,
  RAM64X1S: 1,
  RAM32X1D: 2,
  RAM64X1D: 2,
  RAM128X1D: 4,
  RAM256X1D: 8,
  RAM32M: 4,
  RAM64M: 4,
  RAM32M16: 8,
  RAM64M8: 8,
  SRL16E: 1,
  SRLC16E: 1,
  SRLC32E: 1,
};

export function emptyResources() {
  return { lut: 0, lutMemory: 0, ff: 0, carry: 0, dsp: 0, bram36: 0, uram: 0 };
}

/** @param {Record<string, number>} cells cell type -> count; other modules among them are skipped */
export function countResources(cells) {
  const sum = emptyResources();
  for (const [type, count] of Object.entries(cells)) {
    const sites = LUT_MEMORY[type];
    if (sites !== undefined) {
      sum.lutMemory += sites * count;
      sum.lut += sites * count;
    } else if (/^LUT\d/.test(type)) sum.lut += count;
    else if (/^FD[CPRS]E/.test(type)) sum.ff += count;
    else if (/^CARRY/.test(type)) sum.carry += count;
    else if (type === "DSP48E2") sum.dsp += count;
    else if (type.startsWith("RAMB36")) sum.bram36 += count;
    else if (type.startsWith("RAMB18")) sum.bram36 += count / 2;
    else if (type.startsWith("URAM288")) sum.uram += count;
    else if (/^(RAM|SRL)/.test(type)) throw new Error(`LUT memory ${type} has no size in resources.mjs.`);
  }
  return sum;
}

export function addResources(a, b, times = 1) {
  return Object.fromEntries(Object.keys(emptyResources()).map((key) => [key, a[key] + b[key] * times]));
}

/**
 * Prices of codes by class, as the codec will code them (docs/formats/weight-stream.md, section 3): rows and columns of
 * many zeros have cheaper zeros. The class of a code is how busy its output channel, its input channel and its kernel tap
 * are, on a scale of factors of the square root of two; the codec fits its own A[o] + B[i] + C[tap] later.
 */
import type { CodePrice } from "./gram-solver.js";

/** Classes per factor of two of the mean magnitude. */
const PER_OCTAVE = 2;
const CLASSES = 16;
/** A class's own shares count as if the shares of the whole layer had been seen this often before. */
const PRIOR_WEIGHT = 64;
/** Counts added to every code of the layer, so that an unused code has a price. */
const LEAST_COUNT = 0.02;
/** Mean magnitude added to every channel: empty ones are not infinitely quiet. */
const LEAST_ACTIVITY = 0.02;

/**
 * @param codes [outputs][taps][channels]; @param base what all classes share
 */
export function classPrices(
  codes: Int16Array,
  { outputs, taps, channels }: { readonly outputs: number; readonly taps: number; readonly channels: number },
  base: Omit<CodePrice, "bits" | "classes">,
): CodePrice {
  const { limit } = base;
  const of = classesOf(codes, outputs, taps, channels);
  const symbols = 2 * limit + 1;
  const layer = new Float64Array(symbols).fill(LEAST_COUNT);
  const counts = Array.from({ length: CLASSES }, () => new Float64Array(symbols));
  for (let index = 0; index < codes.length; index += 1) {
    layer[codes[index] + limit] += 1;
    counts[of[index]][codes[index] + limit] += 1;
  }
  const total = codes.length + LEAST_COUNT * symbols;
  const prices = counts.map((own) => {
    const seen = own.reduce((sum, count) => sum + count, 0);
    const bits = own.map(
      (count, symbol) => -Math.log2((count + (PRIOR_WEIGHT * layer[symbol]) / total) / (seen + PRIOR_WEIGHT)),
    );
    return { ...base, bits };
  });
  return { ...base, bits: layer.map((count) => -Math.log2(count / total)), classes: { prices, of } };
}

function classesOf(codes: Int16Array, outputs: number, taps: number, channels: number): Uint8Array {
  const size = taps * channels;
  const byOutput = new Float64Array(outputs);
  const byChannel = new Float64Array(channels);
  const byTap = new Float64Array(taps);
  let all = 0;
  for (let index = 0; index < codes.length; index += 1) {
    const magnitude = Math.abs(codes[index]);
    if (magnitude === 0) continue;
    all += magnitude;
    byOutput[Math.floor(index / size)] += magnitude;
    byChannel[index % channels] += magnitude;
    byTap[Math.floor((index % size) / channels)] += magnitude;
  }
  const mean = all / codes.length + LEAST_ACTIVITY;
  const busy = (sums: Float64Array): Float64Array =>
    sums.map((sum) => Math.log2((sum / (codes.length / sums.length) + LEAST_ACTIVITY) / mean));
  const [a, b, c] = [byOutput, byChannel, byTap].map(busy);
  return Uint8Array.from(codes, (_, index) => {
    const activity =
      a[Math.floor(index / size)] + b[index % channels] + c[Math.floor((index % size) / channels)];
    return Math.min(Math.max(Math.round(PER_OCTAVE * activity) + CLASSES / 2, 0), CLASSES - 1);
  });
}

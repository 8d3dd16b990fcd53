/**
 * log2 and exp2 from IEEE basic operations only, so that every machine makes the same choices. Engines may differ in
 * the last bit of Math.log2 and Math.exp; they may not differ in +, -, *, /.
 */
const LN2 = Math.LN2;

/** log2 of the beginnings of 256 equal parts of 1..2, by ln(m) = 2 * atanh((m - 1) / (m + 1)). */
const beginnings = Float64Array.from({ length: 256 }, (_, part) => 1 + part / 256);
const logs = beginnings.map((beginning) => {
  const t = (beginning - 1) / (beginning + 1);
  let sum = 0;
  for (let odd = 41; odd >= 1; odd -= 2) sum = sum * t * t + 1 / odd;
  return (2 * t * sum) / LN2;
});
const double = new DataView(new ArrayBuffer(8));

/** log2(x) for x from 2^-1022 on, to about 1e-15; -Infinity for 0. */
export function log2(x: number): number {
  if (x === 0) return Number.NEGATIVE_INFINITY;
  double.setFloat64(0, x);
  const high = double.getUint32(0);
  const exponent = (high >>> 20) - 1023;
  const part = (high >>> 12) & 255;
  double.setUint32(0, (high & 0xf_ffff) | 0x3ff0_0000);
  const mantissa = double.getFloat64(0);
  // Within a part, t is below 1/512, so that three terms are exact enough.
  const t = (mantissa - beginnings[part]) / (mantissa + beginnings[part]);
  const square = t * t;
  return exponent + logs[part] + (2 * t * (1 + square * (1 / 3 + square / 5))) / LN2;
}

/** 2^x for |x| < 1000. */
export function exp2(x: number): number {
  const whole = Math.round(x);
  const rest = (x - whole) * LN2;
  let sum = 1;
  for (let n = 14; n >= 1; n -= 1) sum = 1 + (sum * rest) / n;
  let power = 1;
  for (let n = Math.abs(whole); n > 0; n -= 1) power *= 2;
  return whole < 0 ? sum / power : sum * power;
}

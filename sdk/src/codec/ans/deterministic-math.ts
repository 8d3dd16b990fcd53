/**
 * log2 and exp2 from IEEE basic operations only, so that every machine makes the same choices. Engines may differ in
 * the last bit of Math.log2 and Math.exp; they may not differ in +, -, *, /.
 */
const LN2 = Math.LN2;

/** log2(x) for x > 0, to about 1e-14. */
export function log2(x: number): number {
  let exponent = 0;
  let mantissa = x;
  while (mantissa >= Math.SQRT2) {
    mantissa /= 2;
    exponent += 1;
  }
  while (mantissa < Math.SQRT1_2) {
    mantissa *= 2;
    exponent -= 1;
  }
  // ln(m) = 2 * atanh((m - 1) / (m + 1))
  const t = (mantissa - 1) / (mantissa + 1);
  const square = t * t;
  let sum = 0;
  for (let odd = 21; odd >= 1; odd -= 2) sum = sum * square + 1 / odd;
  return exponent + (2 * t * sum) / LN2;
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

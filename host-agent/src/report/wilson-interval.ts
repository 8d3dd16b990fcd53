const Z = 1.96;

/** 95 % Wilson score interval of a share found in `count` trials (Wilson, JASA 22, 1927). */
export function wilsonInterval(share: number, count: number): readonly [number, number] {
  if (count === 0) return [0, 1];
  const spread = Z * Math.sqrt((share * (1 - share)) / count + (Z / (2 * count)) ** 2);
  const middle = share + (Z * Z) / (2 * count);
  const scale = 1 / (1 + (Z * Z) / count);
  return [Math.max(0, (middle - spread) * scale), Math.min(1, (middle + spread) * scale)];
}

/**
 * The ten outlines of the shapes data set, as inside tests on the unit disc (x to the right, y up). Only + - * / and
 * comparisons: IEEE 754 defines these exactly, so every machine draws the same pixels.
 */

/** True when the point belongs to the figure. Figures fill most of -1..1 in both directions. */
export type Outline = (x: number, y: number) => boolean;

const SQRT3 = 1.7320508075688772;
/** Unit normals of the five edge lines of a pentagram, 72 degrees apart, the first pointing down. */
const PENTAGRAM_NORMALS: readonly (readonly [number, number])[] = [
  [0, -1],
  [0.9510565162951535, -0.30901699437494745],
  [0.5877852522924731, 0.8090169943749475],
  [-0.5877852522924731, 0.8090169943749475],
  [-0.9510565162951535, -0.30901699437494745],
];
/** Distance of those lines from the centre when the points lie on the unit circle: cos 72 degrees. */
const PENTAGRAM_DISTANCE = 0.30901699437494745;

const isCircle: Outline = (x, y) => x * x + y * y < 0.81;

const isRing: Outline = (x, y) => {
  const r2 = x * x + y * y;
  return r2 < 0.9 && r2 > 0.3;
};

const isCrescent: Outline = (x, y) => {
  const shifted = x - 0.5;
  return x * x + y * y < 0.95 && shifted * shifted + y * y > 0.62;
};

const isSquare: Outline = (x, y) => x < 0.78 && x > -0.78 && y < 0.78 && y > -0.78;

const isTriangle: Outline = (x, y) => y > -0.55 && y + SQRT3 * (x < 0 ? -x : x) < 1.05;

/** Inside a pentagram: on the inner side of at least four of the five edge lines. */
const isStar: Outline = (x, y) => {
  let outside = 0;
  for (const [nx, ny] of PENTAGRAM_NORMALS) if (nx * x + ny * y > PENTAGRAM_DISTANCE) outside += 1;
  return outside <= 1 && x * x + y * y < 1;
};

const isCross: Outline = (x, y) => {
  const ax = x < 0 ? -x : x;
  const ay = y < 0 ? -y : y;
  return (ax < 0.3 && ay < 0.92) || (ay < 0.3 && ax < 0.92);
};

const isArrow: Outline = (x, y) => {
  const ax = x < 0 ? -x : x;
  return (ax < 0.22 && y > -0.95 && y <= 0.1) || (y > 0.1 && ax < 0.85 * (1 - y));
};

const isHeart: Outline = (x, y) => {
  const u = x * 1.2;
  const v = y * 1.2 + 0.1;
  const q = u * u + v * v - 1;
  return q * q * q < u * u * v * v * v;
};

/** Three parallel bars. */
const isBars: Outline = (x, y) => {
  const ax = x < 0 ? -x : x;
  const ay = y < 0 ? -y : y;
  return ax < 0.85 && (ay < 0.19 || (ay > 0.5 && ay < 0.88));
};

/** Class names in label order. */
export const SHAPE_CLASSES = [
  "circle",
  "ring",
  "crescent",
  "square",
  "triangle",
  "star",
  "cross",
  "arrow",
  "heart",
  "bars",
] as const;

/** Inside tests in label order. */
export const SHAPE_OUTLINES: readonly Outline[] = [
  isCircle,
  isRing,
  isCrescent,
  isSquare,
  isTriangle,
  isStar,
  isCross,
  isArrow,
  isHeart,
  isBars,
];

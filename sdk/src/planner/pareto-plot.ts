/** The verified plans as a picture: drop over bits per weight, the front joined, the chosen one filled. SVG 1.1. */
import type { PlanPoint } from "./plan-point.js";
import type { Target } from "./target.js";

const WIDTH = 720;
const HEIGHT = 440;
const MARGIN = { left: 64, right: 24, top: 40, bottom: 56 };
const TICKS = 6;

type PlotPoint = Pick<PlanPoint, "label" | "bitsPerWeight" | "drop" | "cyclesPerFrame" | "codedBytes">;

/** Points that no other beats in both bits and drop, by increasing bits. */
export function paretoFront<P extends Pick<PlanPoint, "bitsPerWeight" | "drop">>(points: readonly P[]): P[] {
  const front: P[] = [];
  for (const point of [...points].sort((a, b) => a.bitsPerWeight - b.bitsPerWeight || a.drop - b.drop)) {
    const last = front.at(-1);
    if (!last || point.drop < last.drop) front.push(point);
  }
  return front;
}

export function paretoPlot(
  title: string,
  points: readonly PlotPoint[],
  best: PlotPoint,
  targets: readonly Target[] = [],
): string {
  const x = axis(
    points.map(({ bitsPerWeight }) => bitsPerWeight),
    MARGIN.left,
    WIDTH - MARGIN.right,
  );
  const y = axis([0, ...points.map(({ drop }) => drop)], HEIGHT - MARGIN.bottom, MARGIN.top);
  const parts: string[] = [];
  for (const tick of x.ticks) {
    parts.push(line(x.at(tick), MARGIN.top, x.at(tick), HEIGHT - MARGIN.bottom, "#e4e4e4"));
    parts.push(text(x.at(tick), HEIGHT - MARGIN.bottom + 18, tick.toFixed(x.digits), "middle"));
  }
  for (const tick of y.ticks) {
    parts.push(line(MARGIN.left, y.at(tick), WIDTH - MARGIN.right, y.at(tick), "#e4e4e4"));
    parts.push(text(MARGIN.left - 8, y.at(tick) + 4, tick.toFixed(y.digits), "end"));
  }
  for (const { kind, limit } of targets) {
    if (kind === "drop" && y.holds(limit)) {
      parts.push(line(MARGIN.left, y.at(limit), WIDTH - MARGIN.right, y.at(limit), "#c0392b", "6 4"));
    }
    if (kind === "bits/weight" && x.holds(limit)) {
      parts.push(line(x.at(limit), MARGIN.top, x.at(limit), HEIGHT - MARGIN.bottom, "#c0392b", "6 4"));
    }
  }
  const front = paretoFront(points).map(
    (point) => `${at(x.at(point.bitsPerWeight))},${at(y.at(point.drop))}`,
  );
  parts.push(`<polyline points="${front.join(" ")}" fill="none" stroke="#2c6fbb" stroke-width="1.5"/>`);
  for (const point of points) {
    const fill = point === best ? "#2c6fbb" : "#ffffff";
    const note = `${point.label}: ${point.bitsPerWeight.toFixed(3)} bits per weight, ${point.codedBytes} bytes, drop ${point.drop.toFixed(2)}, ${point.cyclesPerFrame} cycles`;
    parts.push(
      `<circle cx="${at(x.at(point.bitsPerWeight))}" cy="${at(y.at(point.drop))}" r="5" fill="${fill}" stroke="#2c6fbb" stroke-width="1.5"><title>${escapeXml(note)}</title></circle>`,
    );
  }
  parts.push(text(WIDTH / 2, HEIGHT - 14, "bits per weight, everything counted", "middle"));
  parts.push(
    `<text transform="translate(18 ${HEIGHT / 2}) rotate(-90)" text-anchor="middle">drop on held-out training images, points</text>`,
  );
  parts.push(text(MARGIN.left, 24, title, "start", "bold"));
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${HEIGHT}" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">
<rect width="${WIDTH}" height="${HEIGHT}" fill="#ffffff"/>
${parts.join("\n")}
</svg>
`;
}

interface Axis {
  readonly ticks: readonly number[];
  readonly digits: number;
  at(value: number): number;
  holds(value: number): boolean;
}

/** Round ticks around the values, from one end of the plot to the other. */
function axis(values: readonly number[], from: number, to: number): Axis {
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 1e-9) [low, high] = [low - 0.5, high + 0.5];
  const rough = (high - low) / (TICKS - 1);
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough) as number;
  const first = Math.floor(low / step) * step;
  const last = Math.ceil(high / step) * step;
  const ticks = Array.from(
    { length: Math.round((last - first) / step) + 1 },
    (_, index) => first + index * step,
  );
  return {
    ticks,
    digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)),
    at: (value) => from + ((value - first) / (last - first)) * (to - from),
    holds: (value) => value >= first && value <= last,
  };
}

function at(value: number): string {
  return value.toFixed(1);
}

function line(x1: number, y1: number, x2: number, y2: number, stroke: string, dash = ""): string {
  const dashes = dash === "" ? "" : ` stroke-dasharray="${dash}"`;
  return `<line x1="${at(x1)}" y1="${at(y1)}" x2="${at(x2)}" y2="${at(y2)}" stroke="${stroke}"${dashes}/>`;
}

function text(x: number, y: number, content: string, anchor: string, weight = "normal"): string {
  return `<text x="${at(x)}" y="${at(y)}" text-anchor="${anchor}" font-weight="${weight}">${escapeXml(content)}</text>`;
}

function escapeXml(content: string): string {
  return content.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
}

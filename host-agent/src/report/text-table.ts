/** Plain-text tables and bars for terminals. */
import { stripVTControlCharacters } from "node:util";

export interface Column {
  readonly title: string;
  readonly align?: "left" | "right";
}

/** Columns as wide as their widest cell, two spaces between them, a rule under the titles. */
export function renderTable(columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(visibleLength(title), ...rows.map((row) => visibleLength(row[index] ?? ""))),
  );
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, index) => pad(cell, widths[index], columns[index].align ?? "left"))
      .join("  ")
      .trimEnd();
  const rule = widths.map((width) => "─".repeat(width)).join("  ");
  return [line(columns.map(({ title }) => title)), rule, ...rows.map(line)].join("\n");
}

/** A bar of `width` cells with eighths, for a share of 0..1. */
export function bar(share: number, width: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * width * 8);
  const full = Math.floor(eighths / 8);
  const rest = eighths % 8;
  const partial = rest === 0 ? "" : " ▏▎▍▌▋▊▉"[rest];
  return `${"█".repeat(full)}${partial}`.padEnd(width, "░");
}

export function bytes(count: number): string {
  if (count < 10_000) return `${count.toLocaleString("en")} B`;
  if (count < 10_000_000) return `${(count / 1000).toLocaleString("en", { maximumFractionDigits: 1 })} kB`;
  return `${(count / 1e6).toLocaleString("en", { maximumFractionDigits: 1 })} MB`;
}

export function integer(value: number): string {
  return Math.round(value).toLocaleString("en");
}

export function percent(share: number, digits = 1): string {
  return `${(share * 100).toFixed(digits)} %`;
}

/**
 * A layer's name as a table shows it: TFLite joins the names of everything it fused with ";", of which the first is
 * the activation that people know.
 */
export function layerTitle(name: string, width: number): string {
  return shorten(name.split(";")[0], width);
}

/** Shortens in the middle, so that both the start and the telling end of a long layer name stay. */
export function shorten(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.ceil((width - 1) * 0.6);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(-tail)}`;
}

function visibleLength(text: string): number {
  return stripVTControlCharacters(text).length;
}

function pad(text: string, width: number, align: "left" | "right"): string {
  const fill = " ".repeat(Math.max(0, width - visibleLength(text)));
  return align === "left" ? text + fill : fill + text;
}

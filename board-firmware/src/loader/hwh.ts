/** The hardware handoff (.hwh) of a Vivado block design: IP blocks, address map, clocks, port widths. */
import { LoaderError } from "@sluice/sdk/errors.js";
import type { AxiPortName } from "@sluice/sdk/overlay";
import { XMLParser, XMLValidator } from "fast-xml-parser";

export interface IpBlock {
  readonly instance: string;
  /** "vendor:library:name:version" */
  readonly vlnv: string;
  readonly parameters: Readonly<Record<string, string>>;
}

export interface AddressRange {
  /** The IP block that answers there. */
  readonly instance: string;
  readonly block: string;
  /** Port of the processing system the range hangs on. */
  readonly master: string;
  readonly base: number;
  readonly bytes: number;
}

export interface HardwareHandoff {
  readonly device: string;
  readonly package: string;
  readonly speedGrade: string;
  readonly blocks: readonly IpBlock[];
  readonly addresses: readonly AddressRange[];
  /** Output clocks of the processing system, in MHz; index = PL clock. */
  readonly plClocks: Readonly<Record<number, number>>;
  /** Data width in bits of the ports the design uses. */
  readonly portWidths: Readonly<Partial<Record<AxiPortName, number>>>;
}

const LARGEST = 32 * 2 ** 20;
const PROCESSING_SYSTEM = "zynq_ultra_ps_e";

/** Suffix of C_..._DATA_WIDTH in the processing system's parameters, by port. */
const widthParameters: Record<AxiPortName, string> = {
  M_AXI_HPM0_FPD: "MAXIGP0",
  M_AXI_HPM1_FPD: "MAXIGP1",
  M_AXI_HPM0_LPD: "MAXIGP2",
  S_AXI_HPC0_FPD: "SAXIGP0",
  S_AXI_HPC1_FPD: "SAXIGP1",
  S_AXI_HP0_FPD: "SAXIGP2",
  S_AXI_HP1_FPD: "SAXIGP3",
  S_AXI_HP2_FPD: "SAXIGP4",
  S_AXI_HP3_FPD: "SAXIGP5",
  S_AXI_LPD: "SAXIGP6",
};

interface Element {
  readonly [name: string]: unknown;
}

/** @throws {LoaderError} `bad-handoff` */
export function parseHardwareHandoff(text: string): HardwareHandoff {
  if (text.length > LARGEST) throw bad("at most 32 MiB", `${text.length} characters`);
  // A handoff needs no entities; one that declares some is not from Vivado and could grow without bound.
  if (text.includes("<!DOCTYPE")) throw bad("no document type", "<!DOCTYPE");
  const wellFormed = XMLValidator.validate(text);
  if (wellFormed !== true) {
    const { msg, line, col } = wellFormed.err;
    throw bad("well-formed XML", msg, `line ${line}, column ${col}`);
  }
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: "",
    parseAttributeValue: false,
    parseTagValue: false,
    processEntities: false,
    isArray: (name) => ["MODULE", "PARAMETER", "PORT", "BUSINTERFACE", "MEMRANGE"].includes(name),
  });
  const system = child(parser.parse(text), "EDKSYSTEM");
  const info = child(system, "SYSTEMINFO");
  const modules = children(child(system, "MODULES"), "MODULE");
  const blocks = modules.map((module) => ({
    instance: attribute(module, "INSTANCE"),
    vlnv: attribute(module, "VLNV"),
    parameters: parametersOf(module),
  }));
  const index = modules.findIndex((module) => attribute(module, "MODTYPE") === PROCESSING_SYSTEM);
  if (index < 0) throw bad(`a ${PROCESSING_SYSTEM} block`, "none", "EDKSYSTEM/MODULES");
  return {
    device: attribute(info, "DEVICE"),
    package: attribute(info, "PACKAGE"),
    speedGrade: attribute(info, "SPEEDGRADE"),
    blocks,
    addresses: addressesOf(modules[index]),
    plClocks: plClocksOf(modules[index], blocks[index].parameters),
    portWidths: portWidthsOf(modules[index], blocks[index].parameters),
  };
}

function addressesOf(system: Element): AddressRange[] {
  return children(optionalChild(system, "MEMORYMAP"), "MEMRANGE").map((range) => {
    const base = Number(attribute(range, "BASEVALUE"));
    const high = Number(attribute(range, "HIGHVALUE"));
    const instance = attribute(range, "INSTANCE");
    if (!Number.isSafeInteger(base) || !Number.isSafeInteger(high) || base < 0 || high < base) {
      const found = `${attribute(range, "BASEVALUE")}..${attribute(range, "HIGHVALUE")}`;
      throw bad("an address range", found, `MEMRANGE of ${instance}`);
    }
    const block = optional(range, "ADDRESSBLOCK") ?? "";
    const master = optional(range, "MASTERBUSINTERFACE") ?? "";
    return { instance, block, master, base, bytes: high - base + 1 };
  });
}

function plClocksOf(system: Element, parameters: Readonly<Record<string, string>>): Record<number, number> {
  const clocks: Record<number, number> = {};
  for (let clock = 0; clock < 4; clock += 1) {
    const port = children(optionalChild(system, "PORTS"), "PORT").find(
      (candidate) => optional(candidate, "NAME") === `pl_clk${clock}`,
    );
    const hertz = Number(port && optional(port, "CLKFREQUENCY"));
    const actual = Number(parameters[`PSU__CRL_APB__PL${clock}_REF_CTRL__ACT_FREQMHZ`]);
    if (hertz > 0) clocks[clock] = hertz / 1e6;
    else if (port && actual > 0) clocks[clock] = actual;
  }
  return clocks;
}

/** Only ports that are used: the processing system has a width parameter for all of them. */
function portWidthsOf(
  system: Element,
  parameters: Readonly<Record<string, string>>,
): Partial<Record<AxiPortName, number>> {
  const used = new Set(
    children(optionalChild(system, "BUSINTERFACES"), "BUSINTERFACE").map((bus) => optional(bus, "NAME")),
  );
  const widths: Partial<Record<AxiPortName, number>> = {};
  for (const [port, group] of Object.entries(widthParameters) as [AxiPortName, string][]) {
    const width = Number(parameters[`C_${group}_DATA_WIDTH`]);
    if (used.has(port) && width > 0) widths[port] = width;
  }
  return widths;
}

function parametersOf(module: Element): Record<string, string> {
  return Object.fromEntries(
    children(optionalChild(module, "PARAMETERS"), "PARAMETER").map((parameter): [string, string] => [
      attribute(parameter, "NAME"),
      attribute(parameter, "VALUE"),
    ]),
  );
}

function optionalChild(parent: unknown, name: string): unknown {
  return typeof parent === "object" && parent !== null && Object.hasOwn(parent, name)
    ? (parent as Element)[name]
    : undefined;
}

function child(parent: unknown, name: string): Element {
  const found = optionalChild(parent, name);
  if (typeof found === "object" && found !== null && !Array.isArray(found)) return found as Element;
  throw bad(`one element ${name}`, "none");
}

function children(parent: unknown, name: string): Element[] {
  const found = optionalChild(parent, name);
  const list = Array.isArray(found) ? found : found === undefined ? [] : [found];
  return list.filter((entry): entry is Element => typeof entry === "object" && entry !== null);
}

function optional(element: Element, name: string): string | undefined {
  const value = Object.hasOwn(element, name) ? element[name] : undefined;
  return typeof value === "string" ? value : undefined;
}

function attribute(element: Element, name: string): string {
  const value = optional(element, name);
  if (value !== undefined) return value;
  const owner = optional(element, "INSTANCE") ?? optional(element, "NAME") ?? "an element";
  throw bad(`the attribute ${name}`, "none", owner);
}

function bad(expected: string, found: string, place = ".hwh file"): LoaderError {
  return new LoaderError("bad-handoff", "The hardware handoff cannot be read.", {
    place,
    expected,
    found,
    hint: "Copy the .hwh file of the same Vivado run as the bitstream.",
  });
}

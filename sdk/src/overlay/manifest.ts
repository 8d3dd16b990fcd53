/**
 * The overlay manifest: what a build of the fabric is, as facts that can be checked before it is loaded. A build writes
 * one as bitstreams/overlays/<geometry>/manifest.json beside its files; the loader believes nothing else about them.
 */
import { z } from "zod";
import { OverlayError } from "../errors.js";
import { geometries } from "./geometry.js";

const MEBIBYTE = 2 ** 20;
const fileName = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, "a plain file name");
const wholeNumber = z.number().int().nonnegative();
const portWidth = z.union([z.literal(32), z.literal(64), z.literal(128)]);
const address = z
  .string()
  .regex(/^0x[0-9a-fA-F]{1,10}$/, 'an address such as "0xa0000000"')
  .transform((text) => Number(text));

const file = z.strictObject({
  name: fileName,
  bytes: wholeNumber.min(1).max(64 * MEBIBYTE),
  sha256: z.string().regex(/^[0-9a-f]{64}$/, "64 lower-case hexadecimal digits"),
});

/** Names of the processing system's AXI ports, as Vivado writes them. */
export const axiPortNames = [
  "M_AXI_HPM0_FPD",
  "M_AXI_HPM1_FPD",
  "M_AXI_HPM0_LPD",
  "S_AXI_HPC0_FPD",
  "S_AXI_HPC1_FPD",
  "S_AXI_HP0_FPD",
  "S_AXI_HP1_FPD",
  "S_AXI_HP2_FPD",
  "S_AXI_HP3_FPD",
  "S_AXI_LPD",
] as const;
export type AxiPortName = (typeof axiPortNames)[number];

const axiPort = z.strictObject({ port: z.enum(axiPortNames), widthBits: portWidth });

export const overlayManifestSchema = z
  .strictObject({
    format: z.literal("sluice-overlay"),
    formatVersion: z.literal(1),
    /** Id of the OverlayGeometry the fabric implements. */
    geometry: z.enum(geometries.map(({ id }) => id) as [string, ...string[]]),
    /** OVERLAY_VERSION the fabric implements. */
    overlayVersion: wholeNumber.max(0xffff_ffff),
    /** Device the bitstream is for, as its header spells it. */
    part: z.string().min(1).max(64),
    /** Top-level name in the bitstream's header. */
    design: z.string().min(1).max(256),
    clock: z.strictObject({
      /** PL clock (0..3) that drives the overlay. */
      pl: wholeNumber.max(3),
      /** Frequency the design closed timing at, in MHz; the clock may be slower, never faster. */
      megahertz: z.number().min(1).max(500),
      /** Slowest frequency, in MHz, that still counts as the clock the cycle model assumes. */
      leastMegahertz: z.number().min(1).max(500),
    }),
    registers: axiPort.extend({
      /** Physical address of register 0. */
      base: address,
      bytes: wholeNumber.min(4096).max(MEBIBYTE),
    }),
    memory: z.strictObject({
      ports: z.array(axiPort).min(1).max(6),
      /** Address bits the overlay's DMA drives: 32 sees the low 2 GB of DDR only. */
      addressBits: wholeNumber.min(32).max(49),
      /** The ports snoop the CPU's caches (HPC with AxCACHE, AxPROT and broadcast set). */
      coherent: z.boolean(),
    }),
    /** Name of the UIO node, /sys/class/uio/uioN/name, that carries the overlay's interrupt. */
    interrupt: z.strictObject({ uio: z.string().min(1).max(64) }),
    /** The .bit file as the build wrote it, header included. */
    bitstream: file,
    /** The same configuration data as fpga_manager takes it: no header, words byte-swapped; made by the loader. */
    firmware: file,
    hardwareHandoff: file.optional(),
    deviceTree: file
      .extend({
        /** The device-tree overlay has firmware-name and so programs the fabric itself. */
        programsFabric: z.boolean(),
      })
      .optional(),
    /** Tool and version that built it, for reports. */
    builtWith: z.string().max(128).optional(),
  })
  .refine(({ clock }) => clock.leastMegahertz <= clock.megahertz, {
    message: "leastMegahertz is above megahertz",
    path: ["clock", "leastMegahertz"],
  });

export type OverlayManifest = z.infer<typeof overlayManifestSchema>;
export type OverlayFile = OverlayManifest["bitstream"];

/**
 * @param text the manifest file
 * @param place its path, for errors
 * @throws {OverlayError} `bad-manifest`
 */
export function parseOverlayManifest(text: string, place: string): OverlayManifest {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new OverlayError("bad-manifest", "The overlay's manifest is not JSON.", {
      place,
      found: cause instanceof Error ? cause.message : String(cause),
      hint: "Copy the overlay's folder to the board again.",
      cause,
    });
  }
  const parsed = overlayManifestSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new OverlayError("bad-manifest", "The overlay's manifest does not describe an overlay build.", {
    place: `${place}, ${issue.path.join(".") || "top level"}`,
    expected: "format sluice-overlay, version 1 (docs/kv260.md)",
    found: issue.message,
    hint: "Use the manifest the build wrote, with the runtime of the same release.",
  });
}

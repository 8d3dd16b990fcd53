/**
 * The KV260 side of an overlay build: part, ports, addresses. What belongs to the overlay itself (parameters, register
 * space, clock) comes from sdk/src/overlay.
 */
import { OVERLAY_VERSION, REGISTER_SPACE_BYTES } from "@sluice/sdk/overlay";

export const PART = "xck26-sfvc784-2LV-c";
/** Block design; its wrapper is the top level. */
export const DESIGN = "sluice_kv260";
/** Node of the device-tree overlay, and so the name of its UIO device. */
export const UIO_NAME = "sluice";
/** First address of M_AXI_HPM0_FPD. */
export const REGISTER_BASE = 0xa000_0000;
/** pl_ps_irq0[0] is shared peripheral interrupt 89. */
export const INTERRUPT_SPI = 89;

export const ports = {
  registers: { port: "M_AXI_HPM0_FPD", widthBits: 32 },
  weights: { port: "S_AXI_HP0_FPD", widthBits: 128 },
  data: { port: "S_AXI_HP1_FPD", widthBits: 128 },
};
/** Address bits of the overlay's masters. */
export const ADDRESS_BITS = 49;

/** What bitstreams/overlays/<geometry>/manifest.json says apart from the files. */
export function manifestFacts(geometry) {
  return {
    format: "sluice-overlay",
    formatVersion: 1,
    geometry: geometry.id,
    overlayVersion: OVERLAY_VERSION,
    clock: { pl: 0, megahertz: geometry.clockMHz, leastMegahertz: geometry.clockMHz * 0.99 },
    registers: { ...ports.registers, base: `0x${REGISTER_BASE.toString(16)}`, bytes: REGISTER_SPACE_BYTES },
    memory: { ports: [ports.weights, ports.data], addressBits: ADDRESS_BITS, coherent: false },
    interrupt: { uio: UIO_NAME },
  };
}

/** Source of the device-tree overlay: programs the fabric, and hands registers and interrupt to UIO. */
export function deviceTreeSource(firmware) {
  const high = (value) => `0x${Math.floor(value / 2 ** 32).toString(16)} 0x${(value >>> 0).toString(16)}`;
  return `/dts-v1/;
/plugin/;

&fpga_full {
  #address-cells = <2>;
  #size-cells = <2>;
  firmware-name = "${firmware}";
};

&amba {
  #address-cells = <2>;
  #size-cells = <2>;

  ${UIO_NAME}: ${UIO_NAME}@${REGISTER_BASE.toString(16)} {
    compatible = "generic-uio";
    reg = <${high(REGISTER_BASE)} ${high(REGISTER_SPACE_BYTES)}>;
    interrupt-parent = <&gic>;
    interrupts = <0 ${INTERRUPT_SPI} 4>;
  };
};
`;
}

export const SHELL = { shell_type: "XRT_FLAT", num_slots: "1" };

/**
 * SLIP (RFC 1055): packets on a byte line. END (0xC0) closes a packet; END and ESC (0xDB) inside it are sent as two
 * bytes. A receiver that joins in the middle, or lost bytes, is right again at the next END.
 */
const END = 0xc0;
const ESC = 0xdb;
const ESC_END = 0xdc;
const ESC_ESC = 0xdd;

/** @param leadingEnd closes whatever noise arrived while the line was idle */
export function slipEncode(packet: Uint8Array, leadingEnd: boolean): Uint8Array {
  let escapes = 0;
  for (const byte of packet) if (byte === END || byte === ESC) escapes += 1;
  const encoded = new Uint8Array(packet.length + escapes + (leadingEnd ? 2 : 1));
  let at = 0;
  if (leadingEnd) {
    encoded[at] = END;
    at += 1;
  }
  for (const byte of packet) {
    if (byte === END || byte === ESC) {
      encoded[at] = ESC;
      encoded[at + 1] = byte === END ? ESC_END : ESC_ESC;
      at += 2;
    } else {
      encoded[at] = byte;
      at += 1;
    }
  }
  encoded[at] = END;
  return encoded;
}

/**
 * Incremental; holds at most `maxPacketBytes`. What cannot be a packet (too long, a wrong escape) is dropped up to the
 * next END: the line is expected to be noisy, and the packets' own CRC decides.
 */
export class SlipDecoder {
  readonly #packet: Uint8Array;
  #length = 0;
  #escaped = false;
  #spoiled = false;
  /** Stretches that could not be a packet. */
  dropped = 0;

  constructor(maxPacketBytes: number) {
    this.#packet = new Uint8Array(maxPacketBytes);
  }

  /** @param onPacket receives a view that is valid only during the call */
  push(bytes: Uint8Array, onPacket: (packet: Uint8Array) => void): void {
    for (const byte of bytes) {
      if (byte === END) this.#close(onPacket);
      else if (!this.#spoiled) this.#add(byte);
    }
  }

  #add(byte: number): void {
    let value = byte;
    if (this.#escaped) {
      this.#escaped = false;
      if (byte === ESC_END) value = END;
      else if (byte === ESC_ESC) value = ESC;
      else {
        this.#spoiled = true;
        return;
      }
    } else if (byte === ESC) {
      this.#escaped = true;
      return;
    }
    if (this.#length === this.#packet.length) {
      this.#spoiled = true;
      return;
    }
    this.#packet[this.#length] = value;
    this.#length += 1;
  }

  #close(onPacket: (packet: Uint8Array) => void): void {
    const length = this.#length;
    const spoiled = this.#spoiled || this.#escaped;
    this.#length = 0;
    this.#spoiled = false;
    this.#escaped = false;
    if (spoiled) this.dropped += 1;
    else if (length > 0) onPacket(this.#packet.subarray(0, length));
  }
}

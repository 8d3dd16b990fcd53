/**
 * What either end accepts at most. A peer that goes beyond them is told so and disconnected; nothing is ever
 * allocated from a length that has not passed these limits. docs/protocol.md lists them.
 */

/** Version of the messages. A board serves exactly the versions it names in its hello. */
export const PROTOCOL_VERSION = 1;

/** CBOR body of any message. */
export const MAX_BODY_BYTES = 256 * 1024;
/** CBOR body before the handshake is complete; attachments are not allowed there at all. */
export const MAX_HELLO_BYTES = 4 * 1024;
/** Characters of a name: boards, hosts, sections, layers. */
export const MAX_NAME = 255;
/** Raw bytes that follow a body: section chunks, frames, tensors. */
export const MAX_ATTACHMENT_BYTES = 16 * 1024 * 1024;
/** Nesting of arrays and maps in a body. */
export const MAX_CBOR_DEPTH = 8;
/** Values in a body, keys included. */
export const MAX_CBOR_ITEMS = 32 * 1024;
/** Hashes in one `have` or `remove`, sections in one plan. */
export const MAX_SECTIONS = 2_048;
/** Frames in one `run`. */
export const MAX_FRAMES = 1_024;
/** Layers in one readout. */
export const MAX_LAYERS = 2_048;
/** Bytes of one section; the largest package the K26's memory could hold. */
export const MAX_SECTION_BYTES = 1024 * 1024 * 1024;
/** Requests a host may have unanswered at once. */
export const MAX_OUTSTANDING = 16;

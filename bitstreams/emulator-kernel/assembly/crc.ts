/** CRC-32C of a tensor in engine order (sdk/src/overlay/engine-order.ts), a word of 8 channels at a step. */
const POLYNOMIAL: u32 = 0x82f63b78;

/** Slicing-by-8: entry [slice * 256 + byte] advances a byte that lies 7 - slice bytes before the end of a word. */
const tables = memory.data(8 * 256 * 4);
let built = false;

function buildTables(): void {
  for (let byte: u32 = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    store<u32>(tables + (<usize>byte << 2), crc);
  }
  for (let slice: usize = 1; slice < 8; slice += 1) {
    for (let byte: usize = 0; byte < 256; byte += 1) {
      const previous = load<u32>(tables + (((slice - 1) * 256 + byte) << 2));
      store<u32>(tables + ((slice * 256 + byte) << 2), (previous >>> 8) ^ entry(0, previous & 0xff));
    }
  }
  built = true;
}

@inline
function entry(slice: usize, byte: u32): u32 {
  return load<u32>(tables + (slice << 10) + (<usize>byte << 2));
}

@inline
function advance(crc: u32, word: u64): u32 {
  const low = crc ^ <u32>word;
  const high = <u32>(word >> 32);
  return (
    entry(7, low & 0xff) ^
    entry(6, (low >>> 8) & 0xff) ^
    entry(5, (low >>> 16) & 0xff) ^
    entry(4, low >>> 24) ^
    entry(3, high & 0xff) ^
    entry(2, (high >>> 8) & 0xff) ^
    entry(1, (high >>> 16) & 0xff) ^
    entry(0, high >>> 24)
  );
}

export function tensorCrc(
  tensor: usize,
  height: i32,
  width: i32,
  words: i32,
  wordsPerTile: i32,
  rowBytes: usize,
  groupBytes: usize,
  wordStride: usize,
  pixels: i32,
): u32 {
  if (!built) buildTables();
  let crc: u32 = 0xffffffff;
  for (let first = 0; first < words; first += wordsPerTile) {
    const count = min(wordsPerTile, words - first);
    for (let y = 0; y < height; y += 1) {
      let group = tensor + <usize>y * rowBytes + <usize>first * wordStride;
      let lane = 0;
      for (let x = 0; x < width; x += 1) {
        let at = group + (<usize>lane << 3);
        for (let word = 0; word < count; word += 1) {
          crc = advance(crc, load<u64>(at));
          at += wordStride;
        }
        lane += 1;
        if (lane == pixels) {
          lane = 0;
          group += groupBytes;
        }
      }
    }
  }
  return ~crc;
}

/**
 * CRC-32C by slicing: `tables` holds eight tables of 256 u32, as sdk/src/overlay/crc32c.ts builds them. Continues from
 * `previous`, 0 to start.
 */
export function crc32c(tables: usize, bytes: usize, length: u32, previous: u32): u32 {
  let crc = ~previous;
  const end = bytes + length;
  let at = bytes;
  for (; at + 8 <= end; at += 8) {
    const low = crc ^ load<u32>(at);
    const high = load<u32>(at, 4);
    crc =
      load<u32>(tables + ((low & 0xff) << 2), 7 * 1024) ^
      load<u32>(tables + (((low >>> 8) & 0xff) << 2), 6 * 1024) ^
      load<u32>(tables + (((low >>> 16) & 0xff) << 2), 5 * 1024) ^
      load<u32>(tables + ((low >>> 24) << 2), 4 * 1024) ^
      load<u32>(tables + ((high & 0xff) << 2), 3 * 1024) ^
      load<u32>(tables + (((high >>> 8) & 0xff) << 2), 2 * 1024) ^
      load<u32>(tables + (((high >>> 16) & 0xff) << 2), 1024) ^
      load<u32>(tables + ((high >>> 24) << 2));
  }
  for (; at < end; at += 1) crc = (crc >>> 8) ^ load<u32>(tables + (((crc ^ load<u8>(at)) & 0xff) << 2));
  return ~crc;
}

/**
 * ADD: all that happens to two codes is one of 65,536 cases, worked out beforehand: table[code0 * 256 + code1], codes
 * taken as unsigned bytes. `offsets*` hold one byte offset per pixel; `mask` is 8 bytes, 0 for channels that do not exist.
 */
export function addPairs(
  first: usize,
  offsets0: usize,
  second: usize,
  offsets1: usize,
  pixels: i32,
  table: usize,
  target: usize,
  offsets: usize,
  mask: usize,
): void {
  const present = load<u64>(mask);
  const end = <usize>pixels << 2;
  for (let at: usize = 0; at < end; at += 4) {
    const word0 = first + <usize>load<u32>(offsets0 + at);
    const word1 = second + <usize>load<u32>(offsets1 + at);
    const codes =
      look(table, word0, word1, 0) |
      (look(table, word0, word1, 1) << 8) |
      (look(table, word0, word1, 2) << 16) |
      (look(table, word0, word1, 3) << 24) |
      (look(table, word0, word1, 4) << 32) |
      (look(table, word0, word1, 5) << 40) |
      (look(table, word0, word1, 6) << 48) |
      (look(table, word0, word1, 7) << 56);
    store<u64>(target + <usize>load<u32>(offsets + at), codes & present);
  }
}

@inline
function look(table: usize, word0: usize, word1: usize, lane: usize): u64 {
  return <u64>load<u8>(table + (<usize>load<u8>(word0 + lane) << 8) + <usize>load<u8>(word1 + lane));
}

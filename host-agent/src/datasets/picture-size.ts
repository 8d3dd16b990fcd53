/**
 * Height and width of a picture from its first bytes, before anything is decoded: a few bytes of PNG can claim a
 * picture of terabytes. Formats: PNG (W3C, IHDR), JPEG (ITU-T T.81, start of frame), BMP (BITMAPINFOHEADER), GIF89a.
 */
export interface PictureSize {
  readonly format: "png" | "jpeg" | "bmp" | "gif";
  readonly height: number;
  readonly width: number;
}

/** Undefined when the bytes are none of the formats or end before the size. */
export function pictureSize(bytes: Uint8Array): PictureSize | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length >= 24 && view.getUint32(0) === 0x8950_4e47 && view.getUint32(12) === 0x4948_4452) {
    return { format: "png", width: view.getUint32(16), height: view.getUint32(20) };
  }
  if (bytes.length >= 26 && view.getUint16(0) === 0x424d) {
    return {
      format: "bmp",
      width: Math.abs(view.getInt32(18, true)),
      height: Math.abs(view.getInt32(22, true)),
    };
  }
  if (bytes.length >= 10 && view.getUint32(0) === 0x4749_4638) {
    return { format: "gif", width: view.getUint16(6, true), height: view.getUint16(8, true) };
  }
  if (bytes.length >= 4 && view.getUint16(0) === 0xffd8) return jpegSize(view);
  return undefined;
}

/** Walks the marker segments to the start of frame (SOF0..SOF15 without DHT, JPG and DAC). */
function jpegSize(view: DataView): PictureSize | undefined {
  let offset = 2;
  while (offset + 9 <= view.byteLength) {
    if (view.getUint8(offset) !== 0xff) return undefined;
    const marker = view.getUint8(offset + 1);
    if (marker === 0xff) {
      offset += 1; // fill byte
      continue;
    }
    const isFrame = marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc;
    if (isFrame) {
      return { format: "jpeg", height: view.getUint16(offset + 5), width: view.getUint16(offset + 7) };
    }
    offset += 2 + view.getUint16(offset + 2);
  }
  return undefined;
}

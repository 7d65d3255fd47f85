export const LOGO_BYTES_MAX = 256 * 1024;
/** Pixels of a side: a small file may unpack to a picture that no browser survives. */
export const LOGO_SIDE_MAX = 2_048;
export const LOGO_ACCEPT = 'image/png,image/jpeg,image/webp';

export type ImageReading =
  { readonly contentType: 'image/png' | 'image/jpeg' | 'image/webp'; readonly width: number; readonly height: number } | { readonly fault: string };

const NOT_ONE: ImageReading = { fault: 'This is not a PNG, JPEG or WebP picture.' };

/**
 * What a picture is, by its first bytes and never by its name or declared type.
 *
 * @param bytes  the whole file
 */
export function readImage(bytes: Uint8Array): ImageReading {
  if (bytes.length > LOGO_BYTES_MAX) return { fault: 'The picture has more than 256 KB.' };
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const reading = png(bytes, view) ?? jpeg(bytes, view) ?? webp(bytes, view);
  if (!reading) return NOT_ONE;
  if (reading.width < 1 || reading.height < 1) return NOT_ONE;
  return reading.width > LOGO_SIDE_MAX || reading.height > LOGO_SIDE_MAX
    ? { fault: `The picture measures ${reading.width} × ${reading.height}; at most ${LOGO_SIDE_MAX} × ${LOGO_SIDE_MAX} pixels fit.` }
    : reading;
}

type Size = Exclude<ImageReading, { fault: string }>;

const ascii = (bytes: Uint8Array, from: number, length: number): string => String.fromCharCode(...bytes.subarray(from, from + length));

function png(bytes: Uint8Array, view: DataView): Size | undefined {
  if (bytes.length < 33 || view.getUint32(0) !== 0x89504e47 || view.getUint32(4) !== 0x0d0a1a0a || ascii(bytes, 12, 4) !== 'IHDR') return undefined;
  return { contentType: 'image/png', width: view.getUint32(16), height: view.getUint32(20) };
}

function jpeg(bytes: Uint8Array, view: DataView): Size | undefined {
  if (bytes.length < 4 || view.getUint16(0) !== 0xffd8) return undefined;
  let at = 2;
  // Segments up to the first frame header, which holds the size.
  while (at + 9 <= bytes.length && bytes[at] === 0xff) {
    const marker = bytes[at + 1] ?? 0;
    if (marker >= 0xc0 && marker <= 0xcf && marker !== 0xc4 && marker !== 0xc8 && marker !== 0xcc) {
      return { contentType: 'image/jpeg', width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
    }
    at += 2 + view.getUint16(at + 2);
  }
  return undefined;
}

function webp(bytes: Uint8Array, view: DataView): Size | undefined {
  if (bytes.length < 30 || ascii(bytes, 0, 4) !== 'RIFF' || ascii(bytes, 8, 4) !== 'WEBP') return undefined;
  const contentType = 'image/webp' as const;
  const u24 = (at: number) => view.getUint16(at, true) | ((bytes[at + 2] ?? 0) << 16);
  switch (ascii(bytes, 12, 4)) {
    case 'VP8 ':
      return { contentType, width: view.getUint16(26, true) & 0x3fff, height: view.getUint16(28, true) & 0x3fff };
    case 'VP8L': {
      const bits = view.getUint32(21, true);
      return { contentType, width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
    }
    case 'VP8X':
      return { contentType, width: u24(24) + 1, height: u24(27) + 1 };
    default:
      return undefined;
  }
}

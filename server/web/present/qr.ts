import { encode } from 'uqr';

/** Quiet zone on each side, in modules: what ISO/IEC 18004 asks for. */
const QUIET = 4;

/** A text as a QR picture: the side in modules, and the dark ones as one SVG path. */
export function qrPicture(text: string): { readonly size: number; readonly path: string } {
  const { data, size } = encode(text, { ecc: 'M', border: QUIET });
  const path = data.flatMap((row, y) => row.flatMap((dark, x) => (dark ? [`M${x} ${y}h1v1h-1z`] : []))).join('');
  return { size, path };
}

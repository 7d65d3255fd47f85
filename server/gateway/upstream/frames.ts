/** Policy violation (RFC 6455 §7.4.1): what let the caller in has ended. */
const CLOSE_CODE = 1008;
/** A control frame's payload has at most 125 bytes, two of them the code (RFC 6455 §5.5). */
const REASON_BYTES_MAX = 123;

/** Knows where a server's frames of a WebSocket begin and end, without looking at what is in them. */
export class FrameEdges {
  /** Of the frame's head, as far as it has come. */
  #head: number[] = [];
  /** Bytes of the frame's payload that are still to come. */
  #rest = 0;

  /** Nothing of a frame has been sent without its rest. */
  get between(): boolean {
    return this.#head.length === 0 && this.#rest === 0;
  }

  see(chunk: Buffer): void {
    for (let at = 0; at < chunk.length;) {
      if (this.#rest > 0) {
        const taken = Math.min(this.#rest, chunk.length - at);
        this.#rest -= taken;
        at += taken;
        continue;
      }
      this.#head.push(chunk[at++] as number);
      const rest = payloadOf(this.#head);
      if (rest === null) continue;
      this.#rest = rest;
      this.#head = [];
    }
  }
}

/** @returns bytes that follow the head, its mask included if it has one; null while the head is not whole (RFC 6455 §5.2) */
function payloadOf(head: readonly number[]): number | null {
  const second = head[1];
  if (second === undefined) return null;
  const short = second & 0x7f;
  const more = short === 126 ? 2 : short === 127 ? 8 : 0;
  if (head.length < 2 + more) return null;
  const length = more === 0 ? short : head.slice(2).reduce((sum, byte) => sum * 256 + byte, 0);
  return length + (second & 0x80 ? 4 : 0);
}

/** The frame with which a server says that it closes, and why. */
export function closeFrame(reason: string): Buffer {
  const text = Buffer.from(reason).subarray(0, REASON_BYTES_MAX);
  return Buffer.concat([Buffer.from([0x88, 2 + text.length, CLOSE_CODE >> 8, CLOSE_CODE & 0xff]), text]);
}

import { expect } from 'chai';
import { closeFrame, FrameEdges } from '../../../server/gateway/upstream/frames.ts';

/** A server's frame, by hand: RFC 6455 §5.2. */
function frame(payloadBytes: number, { masked = false } = {}): Buffer {
  const mask = masked ? 0x80 : 0;
  const head =
    payloadBytes < 126
      ? [0x82, mask | payloadBytes]
      : payloadBytes < 65_536
        ? [0x82, mask | 126, payloadBytes >> 8, payloadBytes & 0xff]
        : [0x82, mask | 127, 0, 0, 0, 0, (payloadBytes >>> 24) & 0xff, (payloadBytes >> 16) & 0xff, (payloadBytes >> 8) & 0xff, payloadBytes & 0xff];
  return Buffer.concat([Buffer.from(head), Buffer.alloc(masked ? 4 : 0, 1), Buffer.alloc(payloadBytes, 0x88)]);
}

describe('FrameEdges', () => {
  it('is between frames at their ends alone, wherever the pieces are cut', () => {
    const frames = [frame(0), frame(5), frame(125), frame(126), frame(300), frame(65_535), frame(65_536), frame(7, { masked: true })];
    const ends = new Set<number>([0]);
    let total = 0;
    for (const { length } of frames) ends.add((total += length));
    const bytes = Buffer.concat(frames);
    for (const step of [1, 2, 3, 7, 100, 4_096]) {
      const edges = new FrameEdges();
      for (let at = 0; at < bytes.length; at += step) {
        edges.see(bytes.subarray(at, at + step));
        const seen = Math.min(at + step, bytes.length);
        if (edges.between !== ends.has(seen)) expect.fail(`after ${seen} bytes in steps of ${step}`);
      }
      expect(edges.between).to.equal(true);
    }
  });
});

describe('closeFrame', () => {
  it('is one whole control frame with 1008 and the reason, cut to what a control frame holds', () => {
    const short = closeFrame('over');
    expect(short).to.deep.equal(Buffer.from([0x88, 6, 0x03, 0xf0, ...Buffer.from('over')]));
    const long = closeFrame('x'.repeat(500));
    expect([long.length, long[1]]).to.deep.equal([127, 125]);
    const edges = new FrameEdges();
    edges.see(long);
    expect(edges.between).to.equal(true);
  });
});

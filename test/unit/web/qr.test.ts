import { expect } from 'chai';
import { qrPicture } from '../../../server/web/present/qr.ts';

describe('qrPicture', () => {
  const { size, path } = qrPicture('otpauth://totp/Tollgate:ada@example.test?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=Tollgate');
  const dark = new Set([...path.matchAll(/M(\d+) (\d+)h1v1h-1z/g)].map(([, x, y]) => `${x} ${y}`));

  it('is a square of modules, within a quiet zone of four', () => {
    expect((size - 8 - 17) % 4).to.equal(0);
    for (const module of dark) {
      const [x = 0, y = 0] = module.split(' ').map(Number);
      expect(Math.min(x, y)).to.be.at.least(4);
      expect(Math.max(x, y)).to.be.below(size - 4);
    }
  });

  it('has a finder in three of its corners', () => {
    for (const [left, top] of [
      [4, 4],
      [size - 11, 4],
      [4, size - 11],
    ] as const) {
      for (let y = 0; y < 7; y += 1)
        for (let x = 0; x < 7; x += 1) {
          const ring = Math.max(Math.abs(x - 3), Math.abs(y - 3));
          expect(dark.has(`${left + x} ${top + y}`), `${x} ${y}`).to.equal(ring !== 2);
        }
    }
  });

  it('is nothing but numbers in a path', () => expect(path).to.match(/^(M\d+ \d+h1v1h-1z)+$/));
});

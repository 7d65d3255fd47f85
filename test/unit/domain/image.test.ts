import { expect } from 'chai';
import fc from 'fast-check';
import { LOGO_BYTES_MAX, readImage } from '../../../server/domain/image.ts';

const png = (width: number, height: number) => {
  const bytes = Buffer.alloc(64);
  Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex').copy(bytes);
  bytes.writeUInt32BE(width, 16);
  bytes.writeUInt32BE(height, 20);
  return bytes;
};
const jpeg = (width: number, height: number) => {
  const head = Buffer.from('ffd8ffe000104a46494600010100000100010000ffc00011080000000003', 'hex');
  head.writeUInt16BE(height, head.length - 5);
  head.writeUInt16BE(width, head.length - 3);
  return Buffer.concat([head, Buffer.alloc(20)]);
};
const webp = (width: number, height: number) => {
  const bytes = Buffer.alloc(40);
  bytes.write('RIFF', 0).toString();
  bytes.write('WEBPVP8X', 8);
  bytes.writeUIntLE(width - 1, 24, 3);
  bytes.writeUIntLE(height - 1, 27, 3);
  return bytes;
};

describe('readImage', () => {
  it('knows a picture by its bytes and gives its size', () => {
    expect(readImage(png(64, 32))).to.deep.equal({ contentType: 'image/png', width: 64, height: 32 });
    expect(readImage(jpeg(64, 32))).to.deep.equal({ contentType: 'image/jpeg', width: 64, height: 32 });
    expect(readImage(webp(64, 32))).to.deep.equal({ contentType: 'image/webp', width: 64, height: 32 });
  });

  it('refuses what is none, what is too large, and what would unpack to a hundred megapixels', () => {
    for (const text of ['', '<svg xmlns="http://www.w3.org/2000/svg"/>', '<!doctype html><script>', 'GIF89a', '\x89PNG'])
      expect(readImage(Buffer.from(text, 'latin1')), text).to.have.key('fault');
    expect(readImage(png(10_000, 10_000))).to.have.key('fault');
    expect(readImage(png(0, 10))).to.have.key('fault');
    expect(readImage(Buffer.alloc(LOGO_BYTES_MAX + 1))).to.deep.equal({ fault: 'The picture has more than 256 KB.' });
  });

  it('reads any bytes without failing', () => {
    const starts = fc.constantFrom(Buffer.from('ffd8ff', 'hex'), Buffer.from('89504e470d0a1a0a', 'hex'), Buffer.from('RIFF0000WEBPVP8 '), Buffer.alloc(0));
    fc.assert(fc.property(starts, fc.uint8Array({ maxLength: 200 }), (start, rest) => typeof readImage(Buffer.concat([start, rest])) === 'object'));
  });
});

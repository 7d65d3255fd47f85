import { expect } from 'chai';
import fc from 'fast-check';
import { tagsOf, productFaults } from '../../../server/domain/product-rules.ts';
import { isSlug, slugFault, slugOf } from '../../../server/domain/slug.ts';
import { productFields } from '../../support/catalog-world.ts';

describe('slugs', () => {
  it('are made of the words of a name', () => {
    expect(slugOf('  Cities of the World! ')).to.equal('cities-of-the-world');
    expect(slugOf('Städte & Länder')).to.equal('stadte-lander');
    expect(slugOf('日本')).to.equal('');
    expect(slugOf('x'.repeat(500))).to.have.length(50);
  });

  it('are slugs, whatever the name was', () => {
    fc.assert(fc.property(fc.string({ unit: 'grapheme', maxLength: 300 }), (name) => slugOf(name) === '' || isSlug(slugOf(name))));
  });

  it('leave out what is reserved, odd or short', () => {
    for (const slug of ['admin', 'www', 'tollgate', 'a', 'A-b', 'a--b', '-a', 'a-', 'a/b', 'a b', 'x'.repeat(51)])
      expect(slugFault(slug), slug).to.be.a('string');
    expect(slugFault('countries')).to.equal(undefined);
  });
});

describe('a listing’s texts', () => {
  it('have tags of words, each once', () => {
    expect(tagsOf('Geo, open data,, geo , C++')).to.deep.equal(['geo', 'open-data', 'c++']);
    expect(productFaults(productFields({ tags: ['<script>'] }))).to.have.key('tags');
    expect(productFaults(productFields({ tags: Array.from({ length: 11 }, (_, i) => `t${i}`) }))).to.have.key('tags');
  });

  it('answer huge entries at once', () => {
    const huge = 'x'.repeat(50_000);
    expect(Object.keys(productFaults(productFields({ name: huge, tagline: huge, description: huge, category: huge, tags: tagsOf(huge) })))).to.include.members([
      'name',
      'tagline',
      'description',
      'category',
      'tags',
    ]);
  });
});

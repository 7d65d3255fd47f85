import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { makeImporting } from '../../server/services/openapi-import.ts';
import { makeDocumentReader } from '../../server/services/openapi/read.ts';
import { catalogWorld, type CatalogWorld } from '../support/catalog-world.ts';

const FOLDER = '.local/contract';
const FILE = join(FOLDER, 'package', 'generated', 'api.github.com.json');

/** 385 MB unpacked, so it is no dependency: fetched once, one file of it is kept. */
function fetched(): Buffer {
  if (!existsSync(FILE)) {
    mkdirSync(FOLDER, { recursive: true });
    execFileSync('npm', ['pack', '@octokit/openapi', '--silent'], { cwd: FOLDER, stdio: 'pipe' });
    const archive = readdirSync(FOLDER).find((name) => /^octokit-openapi-.*\.tgz$/.test(name)) ?? '';
    execFileSync('tar', ['xzf', archive, 'package/generated/api.github.com.json'], { cwd: FOLDER });
  }
  return readFileSync(FILE);
}

describe('the GitHub API’s document', () => {
  let world: CatalogWorld;
  before(async () => (world = await catalogWorld()));
  after(() => world.close());

  it('is imported whole: 13 MB, a line for each of its operations, and published', async () => {
    const { catalog, atlas } = world;
    const importing = makeImporting({ ...world.dependencies, reader: makeDocumentReader() });
    const gateway = await catalog.gateways.create(atlas, { name: 'GitHub', description: '', edition: 'enterprise' });
    const group = await catalog.groups.create(atlas, gateway._id, { name: 'GitHub', description: '', label: '' });
    const ordinal = await importing.upload(atlas, gateway._id, group._id, fetched(), {
      origin: '',
      security: 'APP',
      appCode: true,
      timeoutMs: 5_000,
      mode: 'merge',
    });
    const { lines, reading } = await importing.preview(atlas, gateway._id, group._id, ordinal);
    expect(reading.notes.join(' ')).to.not.contain('too large to be checked');
    expect(lines.length).to.be.at.least(1_000);
    expect(lines.filter(({ action }) => action === 'refuse').length).to.be.at.most(10);
    const { created, missed } = await importing.apply(atlas, gateway._id, group._id, ordinal);
    expect([created.length, missed]).to.deep.equal([lines.filter(({ action }) => action === 'create').length, 0]);
    const { published, refused } = await catalog.publishing.publish(atlas, gateway._id, created, 'imported');
    expect([published.length, refused.length]).to.deep.equal([created.length, 0]);
    expect(await world.store.apis.livePublications()).to.have.length(created.length);
  }).timeout(180_000);
});

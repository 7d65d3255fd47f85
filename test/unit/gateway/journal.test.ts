import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { pino } from 'pino';
import type { SealedBatch } from '../../../server/domain/batches.ts';
import { readLog } from '../../../server/domain/call-lines.ts';
import { decodeGroups, encodeGroup, makeReplay } from '../../../server/gateway/journal-codec.ts';
import { realDisk, journalFiles, type Disk } from '../../../server/gateway/journal-files.ts';
import { openJournal, type Journal, type JournalOptions } from '../../../server/gateway/journal.ts';
import { JournalLocked } from '../../../server/gateway/journal-lock.ts';
import { makeClock } from '../../../server/kernel/clock.ts';
import { AppError } from '../../../server/kernel/errors.ts';
import { callRecord } from '../../support/calls.ts';

const clock = makeClock({ real: () => 1_900_000_000_000 });

describe('journal', () => {
  let dataDir: string;
  const open: Journal[] = [];
  beforeEach(() => (dataDir = mkdtempSync(join(tmpdir(), 'journal-'))));
  afterEach(async () => {
    for (const journal of open.splice(0)) await journal.close();
    rmSync(dataDir, { recursive: true, force: true });
  });

  const start = (over: Partial<JournalOptions> = {}) => {
    const journal = openJournal({ dataDir, node: 'gw1', clock, log: pino({ level: 'silent' }), strict: true, bytesMax: 1e9, sealMs: 60_000, ...over });
    open.push(journal);
    const sealed: SealedBatch[] = [];
    journal.onSealed(({ segment, batch }) => {
      const made = batch();
      if (made) sealed.push(made);
      journal.stored(segment);
      journal.release(segment);
    });
    return { journal, sealed };
  };
  /** Resolves when it is on disk. */
  const keep = async (journal: Journal, over: Parameters<typeof callRecord>[0]) => {
    const recorded = journal.record(callRecord(over));
    await recorded.kept;
    return recorded;
  };
  const finish = async (journal: Journal, ...ids: string[]) => {
    for (const recorded of await Promise.all(ids.map((callId) => keep(journal, { callId })))) journal.ended(recorded);
  };
  const idsOf = (batches: readonly SealedBatch[]) => batches.flatMap(({ log }) => readLog(log).map(({ callId, outcome }) => `${callId} ${outcome}`));
  /** What a recovery of the folder would store. */
  const recover = (folder: string) => {
    const files = journalFiles(folder);
    const replay = makeReplay({ node: 'gw1', boot: files[0]?.boot ?? 0, receivedAt: clock.now });
    const batches = files.map((file) => replay.feed(file.segment, readFileSync(file.path)));
    return [...batches, replay.rest((files.at(-1)?.segment ?? 0) + 1)].filter((batch) => batch !== null);
  };

  it('folds the calls that ended into one immutable batch, named by node, boot and segment', async () => {
    const { journal, sealed } = start();
    await finish(journal, 'call_1', 'call_2');
    journal.ended(await keep(journal, { callId: 'call_3', outcome: '404', status: 404 }));
    await journal.seal();
    expect(sealed).to.have.length(1);
    expect(sealed[0]).to.include({ id: `gw1.${journal.boot}.1.0`, calls: 3 });
    expect(sealed[0]?.entries.map(({ outcome, calls, units, bytesOut }) => [outcome, calls, units.requests, bytesOut])).to.deep.equal([
      ['200', 2n, 2n, 2_048n],
      ['404', 1n, 1n, 1_024n],
    ]);
    expect(idsOf(sealed)).to.deep.equal(['call_1 200', 'call_2 200', 'call_3 404']);
  });

  it('leaves a call whose answer has not ended to the segment that notes its end', async () => {
    const { journal, sealed } = start();
    const slow = await keep(journal, { callId: 'call_slow' });
    await finish(journal, 'call_quick');
    await journal.seal();
    expect(idsOf(sealed)).to.deep.equal(['call_quick 200']);
    expect(readdirSync(journal.folder).filter((name) => name.endsWith('.journal'))).to.have.length(1);
    journal.ended(slow);
    await journal.seal();
    expect(idsOf(sealed)).to.deep.equal(['call_quick 200', 'call_slow 200']);
  });

  it('makes the same batches from the files as it made while running', async () => {
    const { journal, sealed } = start();
    const first = await keep(journal, { callId: 'call_0', units: { requests: 5 } });
    for (let i = 1; i <= 30; i += 1) {
      await finish(journal, `call_${i}`);
      if (i === 20) journal.ended(first);
      if (i % 10 === 0) await journal.seal();
    }
    const folder = mkdtempSync(join(tmpdir(), 'copy-'));
    // Released files go, so the running journal is compared with one whose store was away.
    const again = openJournal({ dataDir: folder, node: 'gw1', clock, log: pino({ level: 'silent' }), strict: true, bytesMax: 1e9, sealMs: 60_000 });
    open.push(again);
    const firstAgain = await keep(again, { callId: 'call_0', units: { requests: 5 } });
    for (let i = 1; i <= 30; i += 1) {
      await finish(again, `call_${i}`);
      if (i === 20) again.ended(firstAgain);
      if (i % 10 === 0) await again.seal();
    }
    expect(recover(again.folder)).to.deep.equal(sealed);
    await again.close();
    rmSync(folder, { recursive: true });
  });

  it('keeps its memory bounded while nothing is stored: later batches come from the files', async () => {
    const journal = openJournal({ dataDir, node: 'gw1', clock, log: pino({ level: 'silent' }), strict: false, bytesMax: 1e9, sealMs: 60_000 });
    open.push(journal);
    const waiting: (() => SealedBatch | null)[] = [];
    journal.onSealed(({ batch }) => waiting.push(batch));
    for (let i = 1; i <= 40; i += 1) {
      await finish(journal, `call_${i}`);
      await journal.seal();
    }
    const batches = waiting.map((read) => read());
    expect(batches.map((batch) => (batch ? idsOf([batch]) : []))).to.deep.equal(Array.from({ length: 40 }, (_, i) => [`call_${i + 1} 200`]));
  });

  it('calls what nobody saw end delivery unknown, once the gateway is gone', async () => {
    const { journal } = start();
    await finish(journal, 'call_1');
    await keep(journal, { callId: 'call_2' });
    await keep(journal, { callId: 'call_3', outcome: 'refused.quota-exceeded', units: {} });
    await journal.stop();
    expect(idsOf(recover(journal.folder))).to.deep.equal(['call_1 200', 'call_2 unknown', 'call_3 refused.quota-exceeded']);
  });

  it('drops a torn tail wherever it is torn, and nothing before it', async () => {
    const { journal } = start();
    for (const id of ['call_1', 'call_2', 'call_3']) await finish(journal, id);
    await journal.stop();
    const file = journalFiles(journal.folder)[0];
    const whole = readFileSync(file?.path ?? '');
    const ends = [0];
    for (let at = 0; at < whole.length;) ends.push((at += 8 + whole.readUInt32LE(at)));
    for (let cut = 0; cut <= whole.length; cut += 1) {
      const { texts, goodBytes } = decodeGroups(whole.subarray(0, cut));
      const complete = ends.filter((end) => end > 0 && end <= cut);
      expect(goodBytes, `cut at ${cut}`).to.equal(complete.at(-1) ?? 0);
      expect(texts).to.have.length(complete.length);
      const replay = makeReplay({ node: 'gw1', boot: journal.boot, receivedAt: clock.now });
      const met = [replay.feed(1, whole.subarray(0, cut)), replay.rest(2)].reduce((sum, batch) => sum + (batch?.calls ?? 0), 0);
      expect(met, `calls at ${cut}`).to.equal(
        texts
          .join('')
          .split('\n')
          .filter((line) => line.startsWith('[')).length,
      );
    }
  });

  it('makes room ahead in a long file, and reads nothing into it', async () => {
    const { journal, sealed } = start();
    const file = () => readFileSync(journalFiles(journal.folder)[0]?.path ?? '');
    const ids = Array.from({ length: 40 }, (_, i) => `call_${i}`);
    for (const callId of ids) journal.ended(await keep(journal, { callId, path: `/${'p'.repeat(8_000)}` }));
    await keep(journal, { callId: 'call_last' });
    const killed = file();
    expect(killed.length - decodeGroups(killed).goodBytes, 'zeros behind the last group').to.be.above(1_000);
    expect(idsOf(recover(journal.folder)).slice(0, 40)).to.deep.equal(ids.map((id) => `${id} 200`));
    await journal.seal();
    expect(idsOf(sealed)).to.deep.equal(ids.map((id) => `${id} 200`));
    expect(file().length, 'sealed').to.equal(decodeGroups(file()).goodBytes);
  });

  it('has on disk before an answer goes what stands before its record in the file', async () => {
    // What a power failure leaves: bytes that a sync, or a synced write of their own, has covered.
    const synced = new Uint8Array(1_000_000);
    let written: [number, number][] = [];
    const cover = ([from, to]: [number, number]) => synced.fill(1, from, to);
    const loose = new Set<number>();
    const disk: Disk = {
      ...realDisk,
      async open(path) {
        const handle = await realDisk.open(path);
        loose.add(handle);
        return handle;
      },
      async write(handle, buffer, at) {
        await realDisk.write(handle, buffer, at);
        if (loose.has(handle)) written.push([at, at + buffer.length]);
        else cover([at, at + buffer.length]);
      },
      async sync(handle) {
        // All that was written when it began, whatever other sync is under way.
        const covered = [...written];
        await realDisk.sync(handle);
        covered.forEach(cover);
        written = written.filter((one) => !covered.includes(one));
      },
    };
    const { journal } = start({ disk });
    const file = () => readFileSync(journalFiles(journal.folder)[0]?.path ?? '');
    for (let i = 0; i < 60; i += 1) {
      const recorded = await keep(journal, { callId: `call_${i}`, path: `/${'p'.repeat(5_000)}` });
      expect(synced.subarray(0, decodeGroups(file()).goodBytes).indexOf(0), `record ${i}`).to.equal(-1);
      journal.ended(recorded);
      // Every third end stands alone, in a group that nobody waits for.
      if (i % 3 === 0) await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    }
  });

  it('stops reading at a flipped bit', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ minLength: 1 }), { minLength: 1, maxLength: 5 }), fc.nat(), (texts, where) => {
        const groups = texts.map(encodeGroup);
        const file = Buffer.concat(groups);
        const at = where % file.length;
        file.writeUInt8(file.readUInt8(at) ^ 1, at);
        let [index, end] = [0, groups[0]?.length ?? 0];
        while (end <= at) end += groups[(index += 1)]?.length ?? 0;
        expect(decodeGroups(file).texts.slice(0, index)).to.deep.equal(texts.slice(0, index));
        expect(decodeGroups(file).texts.length).to.be.at.most(index);
      }),
    );
  });

  it('belongs to one process: a second one with the same node name does not start', async () => {
    const { journal } = start();
    expect(() => openJournal({ dataDir, node: 'gw1', clock, log: pino({ level: 'silent' }), strict: true, bytesMax: 1 })).to.throw(JournalLocked);
    await journal.close();
    start();
  });

  it('takes over the lock of a process that is gone', () => {
    const { journal } = start({ node: 'gw2' });
    writeFileSync(join(journal.folder, '..', 'gw2', 'lock'), JSON.stringify({ pid: 2 ** 22 + 1, startedAt: '1' }));
    start({ node: 'gw2' });
  });

  it('refuses metered calls while the disk is full, breaks off the answers that wait, and goes on when there is room', async () => {
    let full = false;
    const disk: Disk = { ...realDisk, write: (file, buffer, at) => (full ? Promise.reject(new Error('ENOSPC')) : realDisk.write(file, buffer, at)) };
    const { journal, sealed } = start({ disk, giveUpMs: 50 });
    await finish(journal, 'call_1');
    full = true;
    const fault = await keep(journal, { callId: 'call_2' }).catch((error: unknown) => error);
    expect(fault).to.be.instanceOf(AppError).with.property('code', 'cannot-count');
    expect(journal.ready()).to.equal(false);
    full = false;
    while (!journal.ready()) await new Promise((resolve) => setTimeout(resolve, 20));
    await finish(journal, 'call_3');
    await journal.seal();
    expect(idsOf(sealed)).to.deep.equal(['call_1 200', 'call_3 200']);
  });

  it('refuses metered calls once more bytes wait than it may keep', async () => {
    const journal = openJournal({ dataDir, node: 'gw1', clock, log: pino({ level: 'silent' }), strict: true, bytesMax: 300, sealMs: 60_000 });
    open.push(journal);
    const segments: number[] = [];
    journal.onSealed(({ segment }) => segments.push(segment));
    await finish(journal, 'call_1', 'call_2', 'call_3');
    await journal.seal();
    expect(journal.ready()).to.equal(false);
    for (const segment of segments) journal.stored(segment);
    expect(journal.ready()).to.equal(true);
  });

  it('numbers receipts without a gap, each subscription for itself', () => {
    const { journal } = start();
    expect(['a', 'b', 'a', 'a'].map((id) => journal.nextReceipt(id))).to.deep.equal([1, 1, 2, 3]);
  });
});

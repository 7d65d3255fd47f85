import { close, constants, fdatasync, fsync, ftruncate, open, readdirSync, statSync, write } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** What the journal asks of the disk; tests hand in one that fails. */
export interface Disk {
  open(path: string): Promise<number>;
  /** The same file once more, for writes that are on disk when they return; null where the system has none. */
  openSynced(path: string): Promise<number | null>;
  /** All of `buffer` at `position`, or an error. */
  write(file: number, buffer: Buffer, position: number): Promise<void>;
  sync(file: number): Promise<void>;
  truncate(file: number, bytes: number): Promise<void>;
  close(file: number): Promise<void>;
}

const [openFile, closeFile, syncData, syncAll, truncateFile] = [
  promisify(open),
  promisify(close),
  promisify(fdatasync),
  promisify(fsync),
  promisify(ftruncate),
];

export const realDisk: Disk = {
  async open(path) {
    const file = await openFile(path, 'wx', 0o600);
    // The name must outlive a power failure too.
    const folder = await openFile(join(path, '..'), 'r');
    await syncAll(folder).finally(() => closeFile(folder));
    return file;
  },
  // Elsewhere a write of this kind promises less than `fdatasync`, which asks the drive as well.
  openSynced: (path) => (process.platform === 'linux' ? openFile(path, constants.O_WRONLY | constants.O_DSYNC) : Promise.resolve(null)),
  write: (file, buffer, position) =>
    new Promise((resolve, reject) => {
      const next = (at: number) =>
        write(file, buffer, at, buffer.length - at, position + at, (error, bytes) => {
          if (error) reject(error);
          else if (at + bytes === buffer.length) resolve();
          else next(at + bytes);
        });
      next(0);
    }),
  sync: syncData,
  truncate: truncateFile,
  close: closeFile,
};

export interface JournalFile {
  readonly path: string;
  readonly boot: number;
  readonly segment: number;
  readonly bytes: number;
}

const NAME = /^(\d{1,15})\.(\d{8,})\.journal$/;

export const fileName = (boot: number, segment: number): string => `${boot}.${`${segment}`.padStart(8, '0')}.journal`;

/** Journal files of a folder, by boot and segment. */
export function journalFiles(folder: string): JournalFile[] {
  return readdirSync(folder)
    .flatMap((name) => {
      const parts = NAME.exec(name);
      const path = join(folder, name);
      return parts ? [{ path, boot: Number(parts[1]), segment: Number(parts[2]), bytes: statSync(path).size }] : [];
    })
    .sort((a, b) => a.boot - b.boot || a.segment - b.segment);
}

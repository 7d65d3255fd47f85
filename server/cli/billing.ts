/** The billing door: answers billing questions from JSON. `npm run -s billing -- FILE`; without a file, or with `-`, standard input. */
import { open } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { once } from 'node:events';
import { answerCase } from '../domain/door/door.ts';
import { INPUT_BYTES_MAX, readDoorInput } from '../domain/door/input.ts';

const EXIT_UNREADABLE = 2;
/** Answers are written in portions: ten thousand cases may answer with more than one string can hold. */
const PORTION_CHARS = 1 << 20;

/** The folder with package.json: paths are relative to it, wherever the command is started. */
function projectRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json')) && dirname(folder) !== folder) folder = dirname(folder);
  return folder;
}

/** Reads at most one byte more than is allowed, so that a huge file is refused without being read. */
async function readBounded(path: string | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  const take = (chunk: Buffer): boolean => {
    chunks.push(chunk);
    length += chunk.length;
    return length <= INPUT_BYTES_MAX;
  };
  if (path === undefined || path === '-') {
    for await (const chunk of process.stdin) if (!take(chunk as Buffer)) break;
    return Buffer.concat(chunks);
  }
  const file = await open(resolve(projectRoot(), path));
  try {
    for await (const chunk of file.createReadStream({ autoClose: false })) if (!take(chunk as Buffer)) break;
  } finally {
    await file.close();
  }
  return Buffer.concat(chunks);
}

async function write(text: string): Promise<void> {
  if (!process.stdout.write(text)) await once(process.stdout, 'drain');
}

async function main(): Promise<void> {
  const input = await readBounded(process.argv[2]).then(readDoorInput, (error: unknown) => ({ fault: error instanceof Error ? error.message : String(error) }));
  if (input.fault !== undefined) {
    process.stderr.write(`billing: ${input.fault.replaceAll('\n', ' ')}\n`);
    process.exitCode = EXIT_UNREADABLE;
    return;
  }
  let portion = '{"results": [';
  for (const [index, entry] of input.cases.entries()) {
    portion += `${index === 0 ? '\n' : ',\n'}${JSON.stringify(answerCase(entry))}`;
    if (portion.length < PORTION_CHARS) continue;
    await write(portion);
    portion = '';
  }
  await write(`${portion}\n]}\n`);
}

// A reader that hangs up, such as `head`, wants no more; there is nobody left to tell.
process.stdout.on('error', () => process.exit(0));
await main();
// Standard input may still be open when it was refused for its size.
process.stdin.destroy();

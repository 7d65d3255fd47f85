// What a page of a list of 1,000 takes, over HTTP with everything around it, on the resolved engine: `npm run bench:lists [size]`. Goal: below 50 ms.
import { availableParallelism, loadavg } from 'node:os';
import { listsWorld } from '../test/support/lists-world.ts';

const SIZE = Number(process.argv[2] ?? 1_000);
const ROUNDS = 15;
const GOAL_MS = 50;

const world = await listsWorld(SIZE);
const rows: { readonly name: string; readonly cold: number; readonly median: number; readonly worst: number; readonly documents: number }[] = [];
try {
  for (const page of world.pages) {
    const times: number[] = [];
    for (let round = 0; round <= ROUNDS; round += 1) {
      world.taken();
      const startedAt = performance.now();
      const answer = await world.visit(page, page.path);
      times.push(performance.now() - startedAt);
      if (answer.status !== 200) throw new Error(`${page.path} answers ${answer.status}`);
    }
    const { documents } = world.taken();
    const [cold = 0, ...warm] = times;
    warm.sort((a, b) => a - b);
    rows.push({ name: page.name, cold, median: warm[Math.floor(warm.length / 2)] ?? 0, worst: warm.at(-1) ?? 0, documents });
  }
} finally {
  await world.stop();
}
const cell = (value: number | string, width: number) => (typeof value === 'number' ? value.toFixed(1) : value).padStart(width);
const width = Math.max(...rows.map(({ name }) => name.length));
console.log(`${'a page of'.padEnd(width)}${['median ms', 'worst ms', 'first ms', 'documents'].map((head) => cell(head, 12)).join('')}`);
for (const { name, median, worst, cold, documents } of rows)
  console.log(
    `${name.padEnd(width)}${cell(median, 12)}${cell(worst, 12)}${cell(cold, 12)}${cell(String(documents), 12)}${median > GOAL_MS ? '  above the goal' : ''}`,
  );
const slow = rows.filter(({ median }) => median > GOAL_MS);
console.log(`load of the machine over the last minute: ${loadavg()[0]?.toFixed(1)} on ${availableParallelism()} processors`);
console.log(`${SIZE} of each; goal ${GOAL_MS} ms at the median; ${slow.length === 0 ? 'kept by all' : `missed by ${slow.map(({ name }) => name).join(', ')}`}`);
process.exitCode = slow.length === 0 ? 0 : 1;

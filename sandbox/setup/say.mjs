/** A fault a person can act on: its message is shown as it is, without a stack. */
export class Fault extends Error {
  exitCode = 1;
}

/** Settings that cannot be worked with: exit 78, like the roles themselves. */
export class SettingsFault extends Fault {
  exitCode = 78;
}

const live = process.stdout.isTTY === true && process.env.CI === undefined;
const paint = (code, text) => (process.stdout.isTTY === true && process.env.NO_COLOR === undefined ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = (text) => paint(1, text);
export const dim = (text) => paint(2, text);
export const green = (text) => paint(32, text);
export const yellow = (text) => paint(33, text);
export const red = (text) => paint(31, text);

/** One line; on a terminal it takes the place of a step that is being drawn, which is drawn again below it. */
export const say = (text) => process.stdout.write(`${live ? '\r\u001b[2K' : ''}${text}\n`);

const seconds = (startedAt) => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;

/**
 * Do one step of the set-up and tell it: on a terminal the line counts the seconds, elsewhere it is written once at the end.
 * `work` gets `note(text)`, which replaces what is said behind the title.
 */
export async function step(title, work) {
  const startedAt = performance.now();
  let detail = '';
  const draw = () => process.stdout.write(`\r\u001b[2K  ${dim('…')} ${title} ${dim(`${detail} ${seconds(startedAt)}`.trim())}`);
  const timer = live ? setInterval(draw, 250) : undefined;
  if (live) draw();
  const end = (mark) => {
    clearInterval(timer);
    say(`  ${mark} ${title}${detail === '' ? '' : ` ${dim(detail)}`} ${dim(`(${seconds(startedAt)})`)}`);
  };
  try {
    const result = await work((text) => {
      detail = text;
    });
    end(green('✓'));
    return result;
  } catch (error) {
    end(red('✗'));
    throw error;
  }
}

/** Rows of `[label, text]` in a box that fits them; a row without text is a heading. */
export function box(title, rows) {
  const labelWidth = Math.max(0, ...rows.filter(([, text]) => text !== undefined).map(([label]) => label.length));
  const lines = rows.map(([label, text]) => (text === undefined ? label : `${label.padEnd(labelWidth)}  ${text}`));
  const width = Math.max(title.length + 2, ...lines.map((line) => line.length));
  say(`  ╭─ ${bold(title)} ${'─'.repeat(width - title.length - 1)}╮`);
  for (const line of lines) say(`  │ ${line.padEnd(width)} │`);
  say(`  ╰${'─'.repeat(width + 2)}╯`);
}

import { dim, red, yellow } from '../setup/say.mjs';

const LEVELS = { 10: 'trace', 20: 'debug', 30: 'info', 40: 'warn', 50: 'error', 60: 'fatal' };
const NOT_SHOWN = new Set(['level', 'time', 'pid', 'hostname', 'role', 'msg', 'err', 'req', 'res', 'v']);
const VALUE_LENGTH_MAX = 120;

/** One short line for a person, from a line of JSON log or from plain text. */
export function readable(name, line) {
  const prefix = dim(name.padEnd(9));
  let entry;
  try {
    entry = JSON.parse(line);
  } catch {
    return `${prefix} ${line}`;
  }
  if (entry === null || typeof entry !== 'object' || entry.level === undefined) return `${prefix} ${line}`;
  const level = LEVELS[entry.level] ?? String(entry.level);
  const time = dim(String(typeof entry.time === 'number' ? new Date(entry.time).toISOString() : (entry.time ?? '')).slice(11, 19));
  const facts = Object.entries(entry)
    .filter(([key]) => !NOT_SHOWN.has(key))
    .map(([key, value]) => `${key}=${short(value)}`);
  if (entry.req) facts.unshift(`${entry.req.method ?? ''} ${entry.req.url ?? ''} ${entry.res?.statusCode ?? ''}`.trim());
  if (entry.err) facts.push(entry.err.stack ?? entry.err.message ?? short(entry.err));
  return `${prefix} ${time} ${tint(level)} ${entry.msg ?? ''}${facts.length ? ` ${dim(facts.join(' '))}` : ''}`;
}

function short(value) {
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text !== undefined && text.length > VALUE_LENGTH_MAX ? `${text.slice(0, VALUE_LENGTH_MAX)}…` : text;
}

function tint(level) {
  const text = level.padEnd(5);
  if (level === 'error' || level === 'fatal') return red(text);
  return level === 'warn' ? yellow(text) : text;
}

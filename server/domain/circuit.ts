/** The last answers of a dependency, and whether it is asked at all. Times are epoch ms. */
export interface Circuit {
  /** `probing`: open, and one request is under way that finds out whether the dependency is well again. */
  readonly state: 'closed' | 'open' | 'probing';
  /** When it last opened or closed. */
  readonly since: number;
  readonly answers: readonly { readonly at: number; readonly fault: boolean }[];
  /** Openings since it was last closed: each waits longer than the one before. */
  readonly openings: number;
  /** While open: from when on one request is let through. While probing: until when that one is waited for. */
  readonly retryAt: number;
}

/** So many of the last answers are looked at, and so many faults among them, none older than this, open it. */
const ANSWERS = 10;
const FAULTS = 4;
const RECENT_MS = 120_000;
const WAIT_MS = 5_000;
const WAIT_MS_MAX = 60_000;
/** A probe that has not been answered by then is given up. */
const PROBE_MS_MAX = 120_000;

export const closedCircuit = (now: number): Circuit => ({ state: 'closed', since: now, answers: [], openings: 0, retryAt: 0 });

export type Admission =
  | { readonly admitted: true; readonly isProbe: boolean; readonly circuit: Circuit }
  /** Not before so many milliseconds. */
  | { readonly admitted: false; readonly waitMs: number };

/** May a request go out now? Of those that wait for an open circuit, one is let through. */
export function admitTo(circuit: Circuit, now: number): Admission {
  if (circuit.state === 'closed') return { admitted: true, isProbe: false, circuit };
  // While a probe is under way nobody knows for how long; those who wait ask again soon.
  if (now < circuit.retryAt) return { admitted: false, waitMs: circuit.state === 'open' ? circuit.retryAt - now : WAIT_MS };
  return { admitted: true, isProbe: true, circuit: { ...circuit, state: 'probing', retryAt: now + PROBE_MS_MAX } };
}

/**
 * What an answer does to the circuit.
 * @param answer  `none`: the request was never sent, or failed for reasons of ours; nothing was learned
 * @param jitter  [0, 1): spreads the probes of many processes over the second half of their wait
 */
export function answered(
  circuit: Circuit,
  { isProbe, answer, now, jitter }: { readonly isProbe: boolean; readonly answer: 'fault' | 'none' | 'well'; readonly now: number; readonly jitter: number },
): Circuit {
  if (isProbe && circuit.state === 'probing') {
    if (answer === 'well') return closedCircuit(now);
    return answer === 'none' ? { ...circuit, state: 'open', retryAt: now } : opened(circuit, now, jitter);
  }
  // What was asked before it opened says nothing new.
  if (circuit.state !== 'closed' || answer === 'none') return circuit;
  const answers = [...circuit.answers, { at: now, fault: answer === 'fault' }].slice(-ANSWERS);
  const faults = answers.filter(({ at, fault }) => fault && at > now - RECENT_MS).length;
  return faults < FAULTS ? { ...circuit, answers } : { ...opened(circuit, now, jitter), since: now };
}

function opened(circuit: Circuit, now: number, jitter: number): Circuit {
  const waitMs = Math.min(WAIT_MS * 2 ** circuit.openings, WAIT_MS_MAX);
  return { ...circuit, state: 'open', answers: [], openings: circuit.openings + 1, retryAt: now + Math.ceil((waitMs * (1 + jitter)) / 2) };
}

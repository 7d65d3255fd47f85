import type { Standing } from '../../services/changes.ts';
import type { Flash } from '../render.ts';

/** Whether the gateway processes serve something, as pages say it: never more than the processes themselves have said. */
export interface StandingModel {
  readonly tone: Flash['kind'];
  readonly text: string;
  /** Worth looking again. */
  readonly open: boolean;
}

const NODES_NAMED_MAX = 5;

export function standingModel(standing: Standing | null): StandingModel {
  if (standing === null)
    return {
      tone: 'warning',
      open: true,
      text: 'Whether it is in force is not known: the gateway processes cannot be asked now. Each of them looks for changes every second by itself.',
    };
  const { confirmed, waiting } = standing;
  const all = confirmed.length + waiting.length;
  if (all === 0) return { tone: 'warning', open: true, text: 'Confirmed by nobody: no gateway process is running. One that starts begins with these values.' };
  const processes = all === 1 ? 'gateway process' : 'gateway processes';
  if (waiting.length === 0) return { tone: 'success', open: false, text: `In force: confirmed by ${all} of ${all} ${processes}.` };
  const named = waiting.slice(0, NODES_NAMED_MAX).join(', ');
  const more = waiting.length > NODES_NAMED_MAX ? ` and ${waiting.length - NODES_NAMED_MAX} more` : '';
  return {
    tone: 'warning',
    open: true,
    text: `Not yet confirmed by ${named}${more}: ${confirmed.length} of ${all} ${processes} have said that they serve it.`,
  };
}

/** Process groups: everything the sandbox starts leads a group of its own, so that what it starts in turn goes with it. */

const POLL_MS = 50;

export const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

export function signalGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
    return true;
  } catch (error) {
    if (error.code === 'ESRCH') return false;
    throw error;
  }
}

export function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error.code === 'EPERM';
  }
}

/** Ask a group to end, wait up to `graceMs`, then end it. Resolves when no member is left. */
export async function stopGroup(pid, graceMs) {
  if (!signalGroup(pid, 'SIGTERM')) return;
  for (let waited = 0; waited < graceMs; waited += POLL_MS) {
    await sleep(POLL_MS);
    if (!signalGroup(pid, 0)) return;
  }
  signalGroup(pid, 'SIGKILL');
}

/** Stop groups by ascending `order`: roles drain while what they stand on still answers; the engines come last. */
export async function stopInOrder(groups) {
  const orders = [...new Set(groups.map(({ order }) => order))].sort((a, b) => a - b);
  for (const order of orders) {
    await Promise.all(groups.filter((group) => group.order === order).map(({ pid, graceMs }) => stopGroup(pid, graceMs)));
  }
}

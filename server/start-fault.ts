const PORT_VARIABLES = 'WEB_PORT, GATEWAY_PORT and WEB_OPS_PORT, GATEWAY_OPS_PORT, WORKER_OPS_PORT move the listeners';
const UNWRITABLE: Readonly<Record<string, string>> = {
  EACCES: 'this user may not write there',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of its path is a file',
  EPERM: 'this user may not write there',
  EROFS: 'it is on a read-only file system',
};

const UNLISTENED: Readonly<Record<string, string>> = {
  EACCES: 'its port is for the system’s administrator alone',
  EADDRINUSE: 'another program has it',
  EADDRNOTAVAIL: 'this machine has no such address',
  EAFNOSUPPORT: 'this machine has no such kind of address',
  ENOTFOUND: 'no such host is known',
};

/** A private address that cannot be opened. */
export class PrivateListenError extends Error {
  constructor(address: string, cause: unknown) {
    const { code = '', message = '' } = cause as NodeJS.ErrnoException;
    super(`GATEWAY_PRIVATE_LISTEN: ${address} cannot be opened: ${UNLISTENED[code] ?? message}`, { cause });
    this.name = 'PrivateListenError';
  }
}

/** What a person can act on when a role does not start, in one line; undefined for what only a stack explains. */
export function startFault(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined;
  const { code, syscall, port, path } = error as NodeJS.ErrnoException & { port?: number };
  if (syscall === 'listen' || syscall === 'bind') {
    if (code === 'EADDRINUSE') return `port ${port} is taken by another program; ${PORT_VARIABLES}`;
    if (code === 'EACCES') return `port ${port} is for the system’s administrator alone; ${PORT_VARIABLES}`;
  }
  const unwritable = path === undefined ? undefined : UNWRITABLE[code ?? ''];
  if (unwritable) return `DATA_DIR: ${path} cannot be written: ${unwritable}`;
  if (error.name === 'DatabaseTooNew' || error.name === 'JournalLocked' || error instanceof PrivateListenError) return error.message;
  // By name and not by class: the driver stays inside the store.
  if (/^Mongo\w*(ServerSelection|Network|Parse|Server)Error$/.test(error.name) || syscall?.startsWith('query'))
    return `MONGODB_URI: the database cannot be used: ${error.message}`;
  return undefined;
}

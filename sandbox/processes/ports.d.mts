export function freePort(): Promise<number>;
export function freePorts(count: number): Promise<number[]>;
export function isFree(port: number): Promise<boolean>;

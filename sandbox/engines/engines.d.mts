/** Types of engines.mjs for the tests that start a database of their own. */
export interface EngineSource {
  readonly kind: 'given' | 'mongod' | 'secantus' | 'server';
  readonly label: string;
}
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}
export interface EngineProcess {
  readonly pid: number;
  readonly exited: Promise<Exit>;
  kill(signal: NodeJS.Signals): boolean;
  stop(): Promise<void>;
}
export interface Children {
  stopAll(): Promise<void>;
  release(): Promise<void>;
  throwaway(folder: string): void;
}
export interface Place {
  readonly dir: string;
  readonly port: number;
  readonly logFile?: string;
}
export function resolveMongo(env?: Record<string, string | undefined>): Promise<EngineSource>;
export function resolveRedis(env?: Record<string, string | undefined>): Promise<EngineSource>;
export function startMongo(children: Children, source: EngineSource, place: Place): Promise<{ child: EngineProcess; uri: string; port: number }>;
export function startRedis(children: Children, source: EngineSource, place: Place): Promise<{ child: EngineProcess; url: string; port: number }>;

// The yardstick: http-proxy in its commonest use, at its best (a keep-alive agent makes it 2.6 times as fast), checking and counting nothing.
import { Agent, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import httpProxy from 'http-proxy';
import { answerAs, settings } from './processes.ts';

const { upstream } = settings<{ upstream: number }>();
const proxy = httpProxy.createProxyServer({ target: `http://127.0.0.1:${upstream}`, agent: new Agent({ keepAlive: true, maxSockets: 256 }) });
proxy.on('error', (_error, _req, res) => void (res as { destroy(): void }).destroy());
const server = createServer((req, res) => proxy.web(req, res));
server.listen(0, '127.0.0.1', () => answerAs((server.address() as AddressInfo).port, {}));

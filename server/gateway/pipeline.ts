import type { Clock } from '../kernel/clock.ts';
import type { AppError } from '../kernel/errors.ts';
import type { Log } from '../kernel/log.ts';
import { openCall, type Call, type Fields, type Way } from './call.ts';
import { Delivery } from './delivery.ts';
import { outcomeOf, type DeliveryContext, type Ending } from './ending.ts';
import type { Filter } from './filter.ts';
import { isWebSocket } from './filters/admit-upgrade.ts';
import { nodeOf, type Caller } from './front/caller.ts';
import { isHealth, isOwnPage, jsonAnswer, ownPage } from './own-pages.ts';
import type { Limits } from './ports.ts';
import { asAppError, refusal, type Answer } from './reply.ts';
import type { Engine, UpstreamRequest } from './upstream/engine.ts';
import { upstreamRequest } from './upstream/request.ts';
import type { Tunnel, Upgrades } from './upstream/upgrade.ts';
import { addRefusedHeaders, addUsageHeaders } from './usage-headers.ts';

export interface PipelineDependencies {
  readonly guard: Filter;
  readonly authenticate: Filter;
  /** Between the guard and the take, in the order of the calling rules. */
  readonly filters: readonly Filter[];
  readonly engine: Engine;
  readonly upgrades: Upgrades;
  readonly ending: Ending;
  readonly limits: Limits;
  readonly clock: Clock;
  readonly log: Log;
  readonly callId: (at: number) => string;
  readonly problemUrl: string;
  readonly totalMs: number;
  readonly onStart: (call: Call) => void;
}

export interface Pipeline {
  /** Never throws, never rejects: whatever happens is answered. */
  handle(way: Way, caller: Caller, fields: Fields, upgradeHead: Buffer | null): void;
  /** Open WebSockets, so that a revocation or a drain can end them. */
  readonly tunnels: ReadonlyMap<Call, Tunnel>;
}

export function makePipeline(dependencies: PipelineDependencies): Pipeline {
  const { guard, authenticate, filters, engine, upgrades, ending, limits, clock, log, callId, problemUrl } = dependencies;
  const tunnels = new Map<Call, Tunnel>();
  const context: DeliveryContext = { ending, clock, totalMs: dependencies.totalMs, refuse };

  function handle(way: Way, caller: Caller, fields: Fields, upgradeHead: Buffer | null): void {
    const admittedAt = clock.now();
    const call = openCall(callId(admittedAt), caller, fields, admittedAt, clock.monotonic(), upgradeHead, way);
    dependencies.onStart(call);
    caller.onClose(() => closed(call));
    try {
      void guard(call);
      if (isOwnPage(call)) own(call);
      else void run(call, 0);
    } catch (error) {
      refuse(call, asAppError(error));
    }
  }

  /** Filters from `from` on, waiting only for those that must. */
  function run(call: Call, from: number): void {
    try {
      for (let i = from; i < filters.length; i++) {
        const waiting = (filters[i] as Filter)(call);
        if (call.answered) return void ending.finish(call, 'refused.answered', 204);
        if (waiting !== undefined) {
          waiting.then(
            () => (call.gone ? left(call) : call.answered ? void ending.finish(call, 'refused.answered', 200) : run(call, i + 1)),
            (error: unknown) => refuse(call, asAppError(error)),
          );
          return;
        }
      }
      forward(call);
    } catch (error) {
      refuse(call, asAppError(error));
    }
  }

  function forward(call: Call): void {
    const { served } = call;
    if (served === null) return;
    const { mock } = served.backend;
    call.upstreamStartedAt = clock.monotonic();
    if (mock) {
      const delivery = new Delivery(call, context);
      const body = Buffer.from(mock.body);
      delivery.head(mock.status, [...mock.headers.flat(), 'Content-Length', String(body.length)]);
      delivery.data(body);
      return delivery.end();
    }
    const request = upstreamRequest(call, served);
    const delivery = new Delivery(call, context);
    call.forwarded = true;
    call.delivery = delivery;
    if (isWebSocket(call)) tunnel(call, request, delivery);
    else engine.send(request, delivery);
  }

  function tunnel(call: Call, request: UpstreamRequest, delivery: Delivery): void {
    const opened = upgrades.open(call, request, call.upgradeHead ?? Buffer.alloc(0), delivery, () => {
      const headers: string[] = [];
      addUsageHeaders(call, headers, ending);
      delivery.release();
      tunnels.set(call, opened);
      opened.onEnd(() => tunnels.delete(call));
      call.answered = true;
      const { req, res } = nodeOf(call.caller);
      res.detachSocket(req.socket);
      const written = ending.finish(call, '101', 101) ?? Promise.resolve();
      return { headers, written: written.then(() => ending.ended(call)) };
    });
  }

  function own(call: Call): void {
    if (isHealth(call)) return answerOwn(call, jsonAnswer(call, { status: 'ok' }));
    const waiting = authenticate(call);
    const page = () => ownPage(call, limits).then((answer) => answerOwn(call, answer));
    (waiting ? waiting.then(page) : page()).catch((error: unknown) => refuse(call, asAppError(error)));
  }

  function answerOwn(call: Call, answer: Answer): void {
    call.answered = true;
    void ending.finish(call, 'refused.answered', answer.status);
    send(call, answer);
  }

  /** Answer for the provider with a refusal; what was forwarded or belongs to a subscription is recorded first. */
  function refuse(call: Call, error: AppError): void {
    if (call.answered) return;
    call.answered = true;
    if (error.code === 'gateway-fault') log.error({ callId: call.id, err: error.cause }, 'gateway fault');
    const answer = refusal(call, error, problemUrl);
    if (call.forwarded) addUsageHeaders(call, answer.headers, ending);
    else addRefusedHeaders(call, answer.headers, error.code, limits);
    call.bytesOut = answer.body.length;
    const written = ending.finish(call, outcomeOf(error.code), answer.status);
    // A refusal costs nothing, so it does not wait for the disk; what was forwarded does.
    if (written === null || !call.forwarded) {
      written?.catch(ignore);
      return send(call, answer);
    }
    written.then(
      () => send(call, answer),
      () => call.caller.destroy(),
    );
  }

  function left(call: Call): void {
    if (!call.finished) void ending.finish(call, 'refused.caller-left', 0)?.catch(ignore);
  }

  function closed(call: Call): void {
    call.gone = true;
    if (call.finished) return ending.ended(call);
    void call.delivery?.leave();
    // Else a filter is waiting: whoever waits comes back and finds the caller gone.
  }

  return { handle, tunnels };
}

function send({ caller, method }: Call, { status, headers, body }: Answer): void {
  if (!caller.destroyed) caller.answer(status, headers, method === 'HEAD' ? null : body, true);
}

const ignore = (): void => undefined;

import { Router } from 'express';
import { isoUtc } from '../../kernel/clock.ts';
import type { Services } from '../../services/index.ts';
import { actorOf, may } from '../guards.ts';
import { gatewayModel, gatewayTabs, gatewayTrail } from '../present/provider.ts';
import { outcomeWords, secondWords } from '../present/usage.ts';
import { page } from '../render.ts';
import { part } from './provider-kit.ts';

/** What is noted beside the calls of a gateway, for its provider. */
export function gatewayCallRoutes({ catalog }: Pick<Services, 'catalog'>): Router {
  const router = Router();
  router.get('/gateways/:id/calls', may('apig:features:get'), async (req, res) => {
    const { gateway, calls } = await catalog.callNotes.list(actorOf(req), part(req, 'id'));
    page(res, 'provider/gateway-calls', {
      gateway: gatewayModel(gateway),
      tabs: gatewayTabs(gateway, 'calls'),
      trail: gatewayTrail(gateway),
      fields: gateway.parameters.custom_log ?? '',
      calls: calls.map(({ at, id, method, notes, outcome, path, status }) => ({
        id,
        iso: isoUtc(at),
        when: secondWords(at),
        method,
        path,
        statusCode: status,
        outcome: outcomeWords(outcome),
        cause: notes?.cause ?? null,
        fields: Object.entries(notes?.fields ?? {}).map(([name, value]) => ({ name, value })),
      })),
    });
  });
  return router;
}

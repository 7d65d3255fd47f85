import { Router, type Request } from 'express';
import { z } from 'zod';
import { withoutUser } from '../../domain/upstream-origin.ts';
import type { Services } from '../../services/index.ts';
import { parseForm } from '../forms.ts';
import { actorOf, may } from '../guards.ts';
import { formModel, type FieldSpec } from '../present/form.ts';
import { testModel } from '../present/provider.ts';
import { page } from '../render.ts';
import { body, orAgain } from './provider-kit.ts';

const AddressForm = z.strictObject({ origin: z.string().trim().min(1).max(512), path: z.string().trim().max(512).default('/') });
const FIELDS = {
  origin: { label: 'Address of the server', required: true, maxlength: 512, placeholder: 'https://api.example.com' },
  path: { label: 'Path', maxlength: 512, placeholder: '/status' },
} satisfies Record<string, FieldSpec>;

/** Whether a server can be called, before anything is made of it. */
export function upstreamTestRoutes({ upstreamTest }: Pick<Services, 'upstreamTest'>): Router {
  const router = Router();
  const typed = (req: Request) => ({ ...body(req), origin: withoutUser(String(body(req)['origin'] ?? '')) });
  router.get('/upstream-test', may('apig:apis:get'), (req, res) =>
    page(res, 'provider/upstream-test', { form: formModel(FIELDS, { path: '/', origin: req.query['origin'] }) }),
  );
  router.post('/upstream-test', may('apig:apis:update'), (req, res) =>
    orAgain(
      async () =>
        page(res, 'provider/upstream-test', {
          form: formModel(FIELDS, typed(req)),
          result: testModel(await upstreamTest.address(actorOf(req), parseForm(AddressForm, req.body))),
        }),
      (faults, status) => page(res, 'provider/upstream-test', { form: formModel(FIELDS, typed(req), faults) }, status),
    ),
  );
  return router;
}

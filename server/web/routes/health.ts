import { Router } from 'express';
import { open } from '../guards.ts';

/** For the balancer in front: the process answers. Before sessions, so that it tells nothing of the store; `/ready` on the ops port does. */
export function healthRoutes(): Router {
  const router = Router();
  router.get('/health', open, (_req, res) => void res.json({ status: 'ok' }));
  return router;
}

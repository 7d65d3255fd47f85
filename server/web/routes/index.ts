import type { Router } from 'express';
import type { Attempts } from '../../cache/attempts.ts';
import type { Services } from '../../services/index.ts';
import type { makePassport } from '../passport.ts';
import { accountRoutes } from './accounts.ts';
import { appRoutes } from './apps.ts';
import { dashboardRoutes } from './dashboard.ts';
import { docsRoutes } from './docs.ts';
import { earningsRoutes } from './earnings.ts';
import { invoiceRoutes } from './invoices.ts';
import { operationRoutes } from './operations.ts';
import { organizationRoutes } from './organization.ts';
import { storefrontRoutes } from './storefront.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { usageRoutes } from './usage.ts';

export interface PortalParts {
  readonly addresses: { readonly webUrl: string; readonly gatewayUrl: string };
  readonly services: Services;
  readonly passport: ReturnType<typeof makePassport>;
  readonly attempts: { readonly account: Attempts; readonly address: Attempts };
}

/** Every route of the portal: one line, one file, sorted. */
export const portalRoutes = ({ addresses, services, passport, attempts }: PortalParts): readonly Router[] => [
  accountRoutes(services, passport, attempts),
  appRoutes(services),
  dashboardRoutes(services),
  docsRoutes(addresses),
  earningsRoutes(services),
  invoiceRoutes(services),
  operationRoutes(services),
  organizationRoutes(services),
  storefrontRoutes(services, addresses),
  subscriptionRoutes(services),
  usageRoutes(services),
];

import type { Router } from 'express';
import type { Attempts } from '../../cache/attempts.ts';
import type { Services } from '../../services/index.ts';
import type { makePassport } from '../passport.ts';
import { accountRoutes } from './accounts.ts';
import { apiRoutes } from './apis.ts';
import { appRoutes } from './apps.ts';
import { auditRoutes } from './audit.ts';
import { connectionRoutes } from './connections.ts';
import { dashboardRoutes } from './dashboard.ts';
import { docsRoutes } from './docs.ts';
import { earningsRoutes } from './earnings.ts';
import { endpointRoutes } from './endpoints.ts';
import { gatewayCallRoutes } from './gateway-calls.ts';
import { gatewayDeletionRoutes } from './gateway-deletion.ts';
import { gatewayParameterRoutes } from './gateway-parameters.ts';
import { gatewaySettingsRoutes } from './gateway-settings.ts';
import { gatewayRoutes } from './gateways.ts';
import { heldInvoiceRoutes } from './held-invoices.ts';
import { importRoutes } from './imports.ts';
import { invoiceRoutes } from './invoices.ts';
import { keyRoutes } from './keys.ts';
import { memberRoutes } from './members.ts';
import { operationRoutes } from './operations.ts';
import { operatorHelpRoutes } from './operator-help.ts';
import { organizationRulesRoutes } from './organization-rules.ts';
import { organizationRoutes } from './organization.ts';
import { passkeyRoutes } from './passkeys.ts';
import { planRoutes } from './plans.ts';
import { policyRoutes } from './policies.ts';
import { productListingRoutes } from './product-listing.ts';
import { productRoutes } from './products.ts';
import { recoveryRoutes } from './recovery.ts';
import { reviewRoutes } from './reviews.ts';
import { sellingRoutes } from './selling.ts';
import { sessionRoutes } from './sessions.ts';
import { serviceAccountRoutes } from './service-accounts.ts';
import { signOnRoutes } from './sign-on.ts';
import { signOnSettingsRoutes } from './sign-on-settings.ts';
import { simulatorRoutes } from './simulator.ts';
import { storefrontRoutes } from './storefront.ts';
import { subscriptionRoutes } from './subscriptions.ts';
import { twoFactorRoutes } from './two-factor.ts';
import { upstreamTestRoutes } from './upstream-test.ts';
import { usageRoutes } from './usage.ts';
import { userGroupRoutes } from './user-groups.ts';

export interface PortalParts {
  readonly addresses: { readonly webUrl: string; readonly gatewayUrl: string };
  readonly services: Services;
  readonly passport: ReturnType<typeof makePassport>;
  readonly attempts: { readonly account: Attempts; readonly address: Attempts; readonly code: Attempts; readonly recovery: Attempts };
}

/** Every route of the portal: one line, one file, sorted. */
export const portalRoutes = ({ addresses, services, passport, attempts }: PortalParts): readonly Router[] => [
  accountRoutes(services, passport, attempts),
  apiRoutes(services, addresses),
  appRoutes(services),
  auditRoutes(services),
  connectionRoutes(services),
  dashboardRoutes(services),
  docsRoutes(addresses),
  earningsRoutes(services),
  endpointRoutes(services),
  gatewayCallRoutes(services),
  gatewayDeletionRoutes(services),
  gatewayParameterRoutes(services),
  gatewaySettingsRoutes(services),
  gatewayRoutes(services, addresses),
  heldInvoiceRoutes(services),
  importRoutes(services, addresses),
  invoiceRoutes(services),
  keyRoutes(services, addresses),
  memberRoutes(services, attempts),
  operationRoutes(services),
  operatorHelpRoutes(services, attempts),
  organizationRoutes(services),
  organizationRulesRoutes(services),
  passkeyRoutes(services, attempts),
  planRoutes(services),
  signOnRoutes(services, attempts),
  signOnSettingsRoutes(services, addresses, attempts),
  simulatorRoutes(services), // before policies: its address looks like one's
  policyRoutes(services),
  productListingRoutes(services),
  productRoutes(services, addresses),
  recoveryRoutes(services, attempts),
  reviewRoutes(services, addresses),
  sellingRoutes(services),
  sessionRoutes(services),
  serviceAccountRoutes(services, addresses),
  storefrontRoutes(services, addresses),
  subscriptionRoutes(services),
  twoFactorRoutes(services, attempts),
  upstreamTestRoutes(services),
  usageRoutes(services),
  userGroupRoutes(services),
];

/** The types of answers a provider may restyle for its group (GATEWAY: error responses per group). */
export type ResponseType =
  | 'ACCESS_DENIED'
  | 'AUTH_FAILURE'
  | 'AUTH_HEADER_MISSING'
  | 'AUTHORIZER_CONF_FAILURE'
  | 'AUTHORIZER_FAILURE'
  | 'AUTHORIZER_IDENTITIES_FAILURE'
  | 'BACKEND_TIMEOUT'
  | 'BACKEND_UNAVAILABLE'
  | 'DEFAULT_4XX'
  | 'DEFAULT_5XX'
  | 'NOT_FOUND'
  | 'PAYMENT_REQUIRED'
  | 'QUOTA_EXCEEDED'
  | 'REQUEST_PARAMETERS_FAILURE'
  | 'THROTTLED'
  | 'UNAUTHORIZED';

export interface Problem {
  readonly status: number;
  readonly title: string;
  /** What it means and what to do next, in plain words: the text of the problem's page. */
  readonly help: string;
  /** Only for answers of the gateway: the reference system's code, and the type a provider may restyle. */
  readonly apig?: string;
  readonly responseType?: ResponseType;
}

const define = <C extends string>(problems: Record<C, Problem>): Readonly<Record<C, Problem>> => problems;

/** Every refusal the product can give: code → status, title, help. One line, one entry, sorted. */
// prettier-ignore
export const PROBLEMS = define({
  'already-exists': { status: 409, title: 'Already exists', help: 'Something with this name or address exists already. Choose another one.' },
  'api-not-found': { status: 404, title: 'No such API', help: 'No published API answers to this address and method. Check the base URL, the path and the method on the API’s page.', apig: 'APIG.0101', responseType: 'NOT_FOUND' },
  'app-not-authorized': { status: 403, title: 'App not authorized', help: 'The credential is valid, but its app has no subscription for this API. Subscribe on the API’s page, or ask the provider to authorize the app.', apig: 'APIG.0304', responseType: 'UNAUTHORIZED' },
  'authentication-failed': { status: 401, title: 'Authentication failed', help: 'The signature or the code was not accepted. The message says what did not match.', apig: 'APIG.0303', responseType: 'AUTH_FAILURE' },
  'authentication-missing': { status: 401, title: 'Authentication missing', help: 'Send X-Apig-AppCode, or sign the request with your AppKey and AppSecret.', apig: 'APIG.0303', responseType: 'AUTH_HEADER_MISSING' },
  'body-too-large': { status: 413, title: 'Body too large', help: 'The request body is larger than this address accepts.', apig: 'APIG.0201', responseType: 'REQUEST_PARAMETERS_FAILURE' },
  'cannot-count': { status: 503, title: 'Cannot count now', help: 'The call could not be counted or metered, so it was not forwarded and costs nothing. Try again in a few seconds.', apig: 'APIG.0701', responseType: 'DEFAULT_5XX' },
  'conflict': { status: 409, title: 'Changed meanwhile', help: 'Somebody else changed this at the same time, or it is no longer in the state your page showed. Load the page again.' },
  'dependency-away': { status: 503, title: 'A part of the system is away', help: 'The database, the queue or the payment service does not answer. Nothing was changed. Try again shortly.' },
  'forbidden': { status: 403, title: 'Not allowed', help: 'Your role in this organization does not include this action. Ask an administrator of the organization.' },
  'gateway-fault': { status: 500, title: 'Gateway fault', help: 'Something failed inside the gateway. Quote the request id to support.', apig: 'APIG.0601', responseType: 'DEFAULT_5XX' },
  'headers-too-large': { status: 431, title: 'Headers too large', help: 'The request’s headers are larger than the gateway accepts.', apig: 'APIG.0201', responseType: 'REQUEST_PARAMETERS_FAILURE' },
  'internal': { status: 500, title: 'Something went wrong', help: 'The fault is ours and has been recorded. Quote the request id to support.' },
  'invalid-form': { status: 422, title: 'Please check your entries', help: 'Some entries cannot be accepted; each is marked with its reason.' },
  'invalid-request': { status: 400, title: 'Invalid request', help: 'The request could not be understood.', apig: 'APIG.0201', responseType: 'REQUEST_PARAMETERS_FAILURE' },
  'maintenance': { status: 503, title: 'Under maintenance', help: 'The provider has switched this gateway to maintenance. The call was not forwarded and costs nothing. Try again after the time in Retry-After.', apig: 'APIG.0703', responseType: 'DEFAULT_5XX' },
  'method-not-allowed': { status: 405, title: 'Method not allowed', help: 'This method is not accepted here.', apig: 'APIG.0201', responseType: 'REQUEST_PARAMETERS_FAILURE' },
  'not-found': { status: 404, title: 'Not found', help: 'There is nothing at this address, or you may not see it.' },
  'organization-rule': { status: 403, title: 'Your organization asks for more', help: 'A rule of the organization is not fulfilled by this sign-in. The message names it: set up two-factor, sign in again, or come from an address the organization admits. Your own account and your other organizations stay open.' },
  'own-product': { status: 409, title: 'Your own product', help: 'Your organization sells this API, so it cannot buy it: money would only go in a circle. To call it free of charge, authorize one of your apps on the API’s page under Gateways.' },
  'payment-declined': { status: 402, title: 'Payment declined', help: 'The card was declined. The subscription waits for you: try another card.' },
  'payment-due': { status: 402, title: 'Payment due', help: 'The subscription is suspended because a payment is open. Its owner can pay on the subscription’s page.', apig: 'APIG.0502', responseType: 'PAYMENT_REQUIRED' },
  'payments-paused': { status: 503, title: 'Payments are unavailable for a moment', help: 'The payment service is not well at the moment, so it is not asked. Nothing was sent to it and nothing was charged. Try again after the time in Retry-After; what is due is collected by itself as soon as it is well.' },
  'quota-exceeded': { status: 429, title: 'Quota used up', help: 'The calls included in the plan are used up for this period. Wait for the next period or change the plan.', apig: 'APIG.0501', responseType: 'QUOTA_EXCEEDED' },
  'sign-in-failed': { status: 401, title: 'Sign-in failed', help: 'E-mail and password do not match. Check both, or reset the password.' },
  'sign-in-required': { status: 401, title: 'Please sign in', help: 'This page needs an account.' },
  'single-sign-on-failed': { status: 401, title: 'Single sign-on did not work', help: 'Your organization’s issuer was asked who you are, and its answer could not be used. The message says why. Start again at the sign-in page; an administrator of your organization can test the connection.' },
  'subscription-inactive': { status: 402, title: 'Subscription not active', help: 'The subscription of this app has ended or has not started. Subscribe again on the API’s page.', apig: 'APIG.0502', responseType: 'PAYMENT_REQUIRED' },
  'throttled': { status: 429, title: 'Too many requests', help: 'The rate limit was reached. Slow down; Retry-After says for how long.', apig: 'APIG.0308', responseType: 'THROTTLED' },
  'too-many-attempts': { status: 429, title: 'Too many attempts', help: 'Too many attempts in a short time. Wait a little and try again.' },
  'unsupported-media-type': { status: 415, title: 'Not JSON', help: 'This address takes a body in JSON alone: send Content-Type: application/json, in UTF-8 and without a Content-Encoding.' },
  'untrusted-origin': { status: 403, title: 'Request refused', help: 'The form was sent from another site, or your browser hides where it came from. Load the page and send it again.' },
  'upstream-timeout': { status: 504, title: 'Provider too slow', help: 'The provider did not answer in time. The call costs nothing.', apig: 'APIG.0203', responseType: 'BACKEND_TIMEOUT' },
  'upstream-unavailable': { status: 502, title: 'Provider unavailable', help: 'The provider could not be reached or broke off its answer. The call costs nothing.', apig: 'APIG.0202', responseType: 'BACKEND_UNAVAILABLE' },
  'uri-too-long': { status: 414, title: 'Address too long', help: 'The request’s target is longer than the gateway accepts.', apig: 'APIG.0201', responseType: 'REQUEST_PARAMETERS_FAILURE' },
});

export type ProblemCode = keyof typeof PROBLEMS;

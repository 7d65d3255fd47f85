import { expect } from 'chai';
import { ENDPOINTS } from '../../../sandbox/stripe/routes.ts';
import type { Param } from '../../../sandbox/stripe/parameters.ts';
import { STRIPE_API_VERSION } from '../../../server/stripe/payments.ts';
import { API_VERSION } from '../../../sandbox/stripe/world.ts';
import { HANDLED_EVENT_TYPES } from '../../../server/stripe/events.ts';
import { SPEC, type Node } from '../../support/stripe-spec.ts';

/** The ways Stripe's description writes one parameter: itself, or its alternatives. */
const alternatives = (schema: Node): Node[] => ('anyOf' in schema ? (schema.anyOf as Node[]) : [schema]);

function faultsOf(param: Param<unknown>, schema: Node | undefined, name: string): string[] {
  if (!schema) return [`Stripe has no parameter ${name}`];
  const wanted = { array: 'array', boolean: 'boolean', integer: 'integer', metadata: 'object', object: 'object', range: 'object', string: 'string' }[
    param.type
  ];
  const fitting = alternatives(schema).filter(({ type }) => type === wanted);
  if (fitting.length === 0)
    return [
      `${name} is ${alternatives(schema)
        .map(({ type }) => String(type))
        .join(' or ')} at Stripe, not ${wanted}`,
    ];
  const allowed = fitting.flatMap(({ enum: values }) => (values as string[] | undefined) ?? []);
  const strange = allowed.length === 0 ? [] : (param.oneOf ?? []).filter((value) => !allowed.includes(value));
  const inner = Object.entries(param.fields ?? {}).flatMap(([field, each]) =>
    faultsOf(each, fitting.map(({ properties }) => (properties as Record<string, Node> | undefined)?.[field]).find(Boolean), `${name}[${field}]`),
  );
  return [...strange.map((value) => `${name} does not take ${value} at Stripe`), ...inner];
}

describe('the simulator against Stripe’s description', () => {
  it('speaks the version the product and the description are pinned to', () => {
    expect([API_VERSION, STRIPE_API_VERSION, SPEC.version]).to.deep.equal(Array.from({ length: 3 }, () => '2026-08-26.dahlia'));
  });

  for (const { method, path, params } of ENDPOINTS) {
    it(`${method} ${path} takes no parameter and no value that Stripe does not take`, () => {
      const operation = SPEC.paths[path]?.[method];
      expect(operation, 'address').to.be.an('object');
      expect(Object.entries(params).flatMap(([name, param]) => faultsOf(param, operation!.parameters[name], name))).to.deep.equal([]);
      for (const name of operation!.required) expect(params[name]?.required, `${name} is required at Stripe`).to.equal(true);
    });
  }

  it('knows every event type the product listens to', () => {
    const operation = SPEC.paths['/v1/webhook_endpoints']!.POST!;
    const known = (operation.parameters.enabled_events!.items as { enum: string[] }).enum;
    expect(HANDLED_EVENT_TYPES.filter((type) => !known.includes(type))).to.deep.equal([]);
    expect(HANDLED_EVENT_TYPES.length, 'types of one list request').to.be.at.most(20);
  });
});

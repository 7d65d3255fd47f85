import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import {
  PARAMETERS,
  PARAMETER_NAMES,
  parameterText,
  parameterValues,
  parameterWords,
  withParameter,
  type ParameterName,
} from '../../../server/domain/gateway-parameters.ts';
import { readParameter } from '../../../server/domain/parameter-reading.ts';

const value = (name: ParameterName, typed: string) => {
  const reading = readParameter(name, typed);
  if ('fault' in reading) throw new Error(`${name} ${typed}: ${reading.fault}`);
  return reading.value;
};

describe('gateway parameters', () => {
  it('are sorted, and each default is a value that may be typed', () => {
    expect([...PARAMETER_NAMES]).to.deep.equal([...PARAMETER_NAMES].sort());
    for (const name of PARAMETER_NAMES) {
      const { initial } = PARAMETERS[name];
      expect(value(name, parameterText(initial)), name).to.deep.equal(initial);
    }
  });

  it('take their bounds and nothing beyond', () => {
    for (const name of PARAMETER_NAMES) {
      const form = PARAMETERS[name].value;
      if (form.kind !== 'whole' && form.kind !== 'index') continue;
      for (const inside of [form.min, form.max]) expect(value(name, ` ${inside} `)).to.equal(inside);
      for (const outside of [form.min - 1, form.max + 1, 1.5, 'x', '1e1', '0x1', '--1', '01'])
        expect(readParameter(name, String(outside))).to.have.key('fault');
    }
  });

  it('take as a header no name that framing, routing or the gateway reads', () => {
    for (const name of ['Host', 'Authorization', 'X-Apig-AppCode', 'X-Sdk-Date', 'X-Forwarded-For', 'X-HW-ID', 'X-Stage', 'X-', 'X-a b', 'X-é'])
      expect(readParameter('custom_auth_header', name), name).to.have.key('fault');
    expect(value('custom_auth_header', 'X-Gateway-Auth')).to.equal('X-Gateway-Auth');
    expect(value('custom_auth_header', 'X-Auth-Token')).to.equal('X-Auth-Token');
  });

  it('keep what is not theirs, and store no default', () => {
    const stored = { maintenance: true, backend_timeout: 7 } as Parameters<typeof withParameter>[0];
    expect(withParameter(stored, 'app_basic', true)).to.deep.equal({ maintenance: true, backend_timeout: 7, app_basic: true });
    expect(withParameter(stored, 'backend_timeout', 60_000)).to.deep.equal({ maintenance: true });
    expect(parameterValues(stored).backend_timeout).to.equal(7);
    expect(parameterValues({}).request_body_size).to.equal(12);
  });

  it('stand in the documentation with their defaults', () => {
    const page = readFileSync(new URL('../../../docs/parameters.md', import.meta.url), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('| `'));
    expect(rows.map((row) => row.split(' | ').slice(0, 2).join(' | '))).to.deep.equal(
      PARAMETER_NAMES.map((name) => `| \`${name}\` | ${parameterWords(name, PARAMETERS[name].initial)}`),
    );
  });
});

import { expect } from 'chai';
import { PrivateListenError, startFault } from '../../server/start-fault.ts';

const fault = (properties: object, name = 'Error') => startFault(Object.assign(new Error('it went wrong'), { name }, properties));

describe('startFault', () => {
  it('says in one line what a person can act on', () => {
    expect(fault({ code: 'EADDRINUSE', syscall: 'listen', port: 3000 }))
      .to.include('port 3000 is taken')
      .and.to.include('WEB_PORT');
    expect(fault({ code: 'EACCES', syscall: 'listen', port: 80 })).to.include('administrator');
    expect(fault({ code: 'EROFS', syscall: 'mkdir', path: '/x' })).to.equal('DATA_DIR: /x cannot be written: it is on a read-only file system');
    expect(fault({ code: 'ENOTFOUND', syscall: 'querySrv' })).to.include('MONGODB_URI');
    expect(fault({}, 'JournalLocked')).to.equal('it went wrong');
    for (const name of ['MongooseServerSelectionError', 'MongoServerError', 'MongoParseError', 'MongoNetworkError'])
      expect(fault({}, name), name).to.equal('MONGODB_URI: the database cannot be used: it went wrong');
  });

  it('names the private address that cannot be opened, and why', () => {
    for (const [code, words] of [
      ['EADDRINUSE', 'another program has it'],
      ['EADDRNOTAVAIL', 'this machine has no such address'],
      ['EOTHER', 'something else'],
    ] as const)
      expect(startFault(new PrivateListenError('10.0.0.5:9000', Object.assign(new Error('something else'), { code, syscall: 'listen' })))).to.equal(
        `GATEWAY_PRIVATE_LISTEN: 10.0.0.5:9000 cannot be opened: ${words}`,
      );
  });

  it('leaves to the stack what only a stack explains', () => {
    expect([fault({}), fault({}, 'TypeError'), fault({ code: 'ENOENT', path: '/x' }), startFault('text')]).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });
});

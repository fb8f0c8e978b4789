import { describe, expect, it } from 'vitest';
import { sortSysctls } from '../../../../../src/agent/container/oci-spec/sysctl.ts';

const ALL = new Set(['ipc', 'uts', 'mount', 'pid']);

describe('sortSysctls', () => {
  it("gives the runtime what belongs to the container's namespaces, the agent what belongs to the machine's", () => {
    const sorted = sortSysctls(
      {
        'kernel.shmmax': '1',
        'fs.mqueue.msg_max': '2',
        'kernel.domainname': 'd',
        'net.ipv4.conf.eth0/1.forwarding': '1',
      },
      ALL,
    );
    expect(sorted.container).toEqual({ 'kernel.shmmax': '1', 'fs.mqueue.msg_max': '2', 'kernel.domainname': 'd' });
    expect([...sorted.machine]).toEqual([['net/ipv4/conf/eth0.1/forwarding', '1']]);
  });

  it('gives the runtime network parameters where the container has a network namespace', () => {
    const sorted = sortSysctls({ 'net.core.somaxconn': '5' }, new Set(['network']));
    expect([sorted.container, sorted.machine.size]).toEqual([{ 'net.core.somaxconn': '5' }, 0]);
  });

  it.each([
    ['kernel.panic', ALL, 'belongs to no namespace'],
    ['kernel.hostname', ALL, 'belongs to no namespace'],
    ['vm.swappiness', ALL, 'belongs to no namespace'],
    ['kernel.shmmax', new Set(['uts']), 'needs a namespace of type ipc'],
    ['kernel.domainname', new Set(['ipc']), 'needs a namespace of type uts'],
    ['net.//.kernel.panic', ALL, 'is no name'],
    ['net..x', ALL, 'is no name'],
    ['net.', ALL, 'is no name'],
  ])('refuses %s', (name, namespaces, text) => {
    expect(() => sortSysctls({ [name]: '1' }, namespaces)).toThrow(text);
  });
});

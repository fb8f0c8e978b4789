/** Requests that real shims sent, byte for byte: the schema is right where it decodes and re-encodes them. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { grpc, types } from '../../../src/wire/generated/proto.js';
import { findService } from '../../../src/wire/services.ts';
import { decodeRequest, encodeRequest } from '../../../src/wire/ttrpc/envelope.ts';

interface RecordedCall {
  /** Release of the shim. */
  readonly shim: string;
  readonly service: string;
  readonly method: string;
  /** The whole ttrpc request in hex; absent for the long ones. */
  readonly envelope?: string;
  /** The method's request message in hex. */
  readonly payload: string;
}

const FILE = join(import.meta.dirname, 'fixtures/recorded-calls.json');
// Reason for the cast: the file is a fixture of this test, written in this shape.
const CALLS = JSON.parse(readFileSync(FILE, 'utf8')) as RecordedCall[];

/** The payload of the one call of a method by a shim. */
function payloadOf(shim: string, method: string): Uint8Array {
  const found = CALLS.filter((call) => call.shim === shim && call.method === method);
  expect(found).toHaveLength(1);
  return Buffer.from(found[0]?.payload ?? '', 'hex');
}

describe('recorded requests', () => {
  it.each(CALLS)('$method of shim $shim is re-encoded to the same bytes', ({ service, method, payload }) => {
    const codec = findService(service)?.get(method)?.request;
    expect(codec).toBeDefined();
    const decoded = codec?.decode(Buffer.from(payload, 'hex')) ?? {};
    expect(Buffer.from(codec?.encode(decoded).finish() ?? []).toString('hex')).toBe(payload);
  });

  it.each(CALLS.filter(({ envelope }) => envelope !== undefined))(
    'the envelope of $method of shim $shim has its names, payload, metadata and deadline',
    ({ service, method, payload, envelope = '' }) => {
      const request = decodeRequest(Buffer.from(envelope, 'hex'));
      expect(request).toMatchObject({ service, method, payload: Buffer.from(payload, 'hex') });
      // The shim's stdin copy runs outside the call that started it, so nothing of that call's context goes along.
      expect(request.metadata.get('containerd-namespace-ttrpc')).toBe(method === 'WriteStdin' ? undefined : 'default');
      // A little of the time has passed before the shim encodes it.
      const seconds = request.timeoutMs === undefined ? 'none' : Math.ceil(request.timeoutMs / 1000);
      expect(seconds).toBe(method === 'WaitProcess' ? 'none' : method === 'Check' ? 30 : 60);
    },
  );

  it('has envelopes that are re-encoded to the same bytes where they have no deadline', () => {
    const waits = CALLS.filter(({ method }) => method === 'WaitProcess');
    expect(waits).not.toHaveLength(0);
    for (const { envelope = '' } of waits) {
      const again = encodeRequest(decodeRequest(Buffer.from(envelope, 'hex')));
      expect(Buffer.from(again).toString('hex')).toBe(envelope);
    }
  });

  it('UpdateInterface has two addresses, one of each family', () => {
    const { interface: nic } = grpc.UpdateInterfaceRequest.decode(payloadOf('2.2.0', 'UpdateInterface'));
    expect([nic?.device, nic?.name, nic?.hwAddr, nic?.mtu.toString()]).toEqual([
      'eth0',
      'eth0',
      '26:61:a7:9b:9c:20',
      '1500',
    ]);
    expect(nic?.IPAddresses.map(({ family, address, mask }) => [family, address, mask])).toEqual([
      [types.IPFamily.v4, '10.85.0.7', '16'],
      [types.IPFamily.v6, 'fe80::2461:a7ff:fe9b:9c20', '64'],
    ]);
  });

  it('UpdateRoutes has the default route', () => {
    const { routes } = grpc.UpdateRoutesRequest.decode(payloadOf('2.2.0', 'UpdateRoutes'));
    expect(routes?.Routes).toMatchObject([{ gateway: '10.85.0.1', device: 'eth0' }]);
    expect(routes?.Routes[0]?.dest).toBe('');
  });

  it('CreateSandbox names the share and the shared memory', () => {
    const request = grpc.CreateSandboxRequest.decode(payloadOf('3.5.0', 'CreateSandbox'));
    expect(request.storages).toMatchObject([
      {
        driver: 'virtio-fs',
        source: 'kataShared',
        fstype: 'virtiofs',
        mount_point: '/run/kata-containers/shared/containers/',
      },
      { driver: 'ephemeral', source: 'shm', fstype: 'tmpfs', mount_point: '/run/kata-containers/sandbox/shm' },
    ]);
    expect(request.storages[1]?.options).toEqual(['noexec', 'nosuid', 'nodev', 'mode=1777', 'size=67108864']);
  });

  it('CreateSandbox of a pod has its DNS lines, the empty one too', () => {
    const request = grpc.CreateSandboxRequest.decode(payloadOf('2.2.0', 'CreateSandbox'));
    expect(request.hostname).toBe('example-net-tools-kata');
    expect(request.dns).toEqual(['search svc.cluster.local', 'nameserver 10.0.0.10', 'options ndots:5', '']);
  });

  it('CreateContainer has a full spec', () => {
    const request = grpc.CreateContainerRequest.decode(payloadOf('2.2.0', 'CreateContainer'));
    const { OCI: spec, container_id: id } = request;
    expect(id).toMatch(/^[0-9a-f]{64}$/);
    expect(request.exec_id).toBe(id);
    expect(spec?.Process?.Args).toEqual(['/bin/sh', '-c', 'sleep 99999999999']);
    expect(spec?.Process?.Capabilities?.Bounding).toContain('CAP_KILL');
    expect(spec?.Root?.Path).toBe(`/run/kata-containers/shared/containers/${id}/rootfs`);
    expect(spec?.Mounts.map(({ destination }) => destination)).toEqual([
      '/proc',
      '/dev',
      '/dev/pts',
      '/dev/mqueue',
      '/sys',
      '/sys/fs/cgroup',
      '/dev/shm',
      '/etc/resolv.conf',
      '/etc/hostname',
    ]);
    expect(spec?.Annotations['io.katacontainers.pkg.oci.container_type']).toBe('pod_container');
    expect(spec?.Linux?.Namespaces.map(({ Type }) => Type)).toEqual(['ipc', 'uts', 'mount']);
    expect(spec?.Linux?.Resources?.Memory?.Limit.toString()).toBe('134217728');
    expect(spec?.Linux?.Resources?.CPU?.Shares.toString()).toBe('256');
    expect(spec?.Linux?.CgroupsPath).toBe(`/kubepods/podu1/crio-${id}`);
    expect(spec?.Linux?.MaskedPaths).toContain('/proc/kcore');
  });

  it('ExecProcess has its process', () => {
    const { process } = grpc.ExecProcessRequest.decode(payloadOf('2.2.0', 'ExecProcess'));
    expect(process).toMatchObject({ Args: ['cat', '/proc/uptime'], Cwd: '/' });
  });

  it('WriteStdin has its bytes, SignalProcess its number', () => {
    const { data } = grpc.WriteStreamRequest.decode(payloadOf('2.2.0', 'WriteStdin'));
    expect(Buffer.from(data).toString()).toBe('some input\n');
    expect(grpc.SignalProcessRequest.decode(payloadOf('2.2.0', 'SignalProcess')).signal).toBe(15);
  });
});

/** Files that are copied into the guest, and volumes that are made there. */
import { GrpcStatus } from '../../../wire/error.ts';
import type { grpc } from '../../../wire/generated/proto.js';
import { GUEST_SHARE } from '../../share.ts';
import { expectEqual, expectRefusal, expectThat } from '../expectation.ts';
import { copyIn, copyRequests, GUEST_ROOT } from '../guest-root.ts';
import type { Scenario } from '../scenario.ts';
import type { Scene } from '../scene.ts';

const { INTERNAL, INVALID_ARGUMENT } = GrpcStatus;
/** Two calls and a rest (bytes). */
const LONG_FILE = 2 * (1 << 20) + 5;
/** Where a link that leads out of the share would put a file. */
const OUTSIDE = '/run/conformance-escape';

/** A directory that containers have as /data/NAME, and its path in the guest. */
async function dataDirectory(scene: Scene): Promise<{ readonly inside: string; readonly outside: string }> {
  const name = scene.newId();
  const outside = `${GUEST_ROOT}/data/${name}`;
  await copyIn(scene.calls, outside, { kind: 'directory', mode: 0o755 });
  return { inside: `/data/${name}`, outside };
}

/** Has a container see a directory of the guest. */
function bind(spec: grpc.ISpec, source: string, destination: string): void {
  spec.Mounts?.push({ source, destination, type: 'bind', options: ['rbind', 'ro'] });
}

const parts: Scenario = {
  name: 'copy-file',
  about:
    'CopyFile in parts: the file appears when it is whole, with its bytes, mode and owner, in place of the old one',
  run: async (scene) => {
    const { inside, outside } = await dataDirectory(scene);
    const container = await scene.idle();
    const stat = async (): Promise<string> =>
      (
        await container.shell(`stat -c '%s %a %u:%g' ${inside}/file 2>&1; sha256sum <${inside}/file | head -c 8`)
      ).stdout.toString();
    await copyIn(scene.calls, `${outside}/file`, { kind: 'file', mode: 0o644, content: Buffer.from('old') });
    const before = await stat();
    const content = Buffer.alloc(LONG_FILE, 'kata\n');
    const [first, ...rest] = copyRequests(
      `${outside}/file`,
      { kind: 'file', mode: 0o640, content },
      { uid: 7, gid: 8 },
    );
    await scene.agent.CopyFile(first);
    const during = await stat();
    expectThat(during === before || during.includes('No such file'), 'a part of the file', 'nothing of it', during);
    for (const request of rest) await scene.agent.CopyFile(request);
    expectEqual('size, mode and owner', (await stat()).split('\n')[0], `${LONG_FILE} 640 7:8`);
    const sum = (await container.shell(`tr -d 'kat\\n' <${inside}/file | wc -c`)).stdout.toString().trim();
    expectEqual('other bytes in it', sum, '0');
  },
};

const kinds: Scenario = {
  name: 'copy-kinds',
  about: 'CopyFile makes directories, links and empty files, and parents that are missing',
  run: async (scene) => {
    const { inside, outside } = await dataDirectory(scene);
    await copyIn(scene.calls, `${outside}/a/b/empty`, { kind: 'file', mode: 0o600, content: Buffer.alloc(0) });
    await copyIn(scene.calls, `${outside}/open`, { kind: 'directory', mode: 0o1777 }, { uid: 3, gid: 4 });
    await copyIn(scene.calls, `${outside}/link`, { kind: 'link', target: 'a/b' });
    const container = await scene.idle();
    const { stdout } = await container.shell(
      `cd ${inside}; stat -c '%s %a' a/b/empty; stat -c '%a %u:%g' open; readlink link; ls link`,
    );
    expectEqual('what is there', stdout.toString().trim().split('\n'), ['0 600', '1777 3:4', 'a/b', 'empty']);
  },
};

const escapes: Scenario = {
  name: 'copy-escapes',
  about: 'CopyFile writes nothing outside of the share: not by its path, not by "..", not by a link',
  run: async (scene) => {
    const { outside } = await dataDirectory(scene);
    const file = { kind: 'file', mode: 0o644, content: Buffer.from('x') } as const;
    const statuses = [INTERNAL, INVALID_ARGUMENT];
    await expectRefusal('a path elsewhere', copyIn(scene.calls, `${OUTSIDE}/file`, file), { statuses });
    await expectRefusal('a prefix of the share', copyIn(scene.calls, `${GUEST_SHARE}-not/file`, file), { statuses });
    await expectRefusal('a path with ..', copyIn(scene.calls, `${outside}/../../../../../../../run/file`, file), {
      statuses,
    });
    await copyIn(scene.calls, `${outside}/link`, { kind: 'link', target: '/run' });
    // It may be refused, or made below the share as after a chroot.
    await copyIn(scene.calls, `${outside}/link/conformance-escape`, file).catch(() => {});
    const container = await scene.start({
      args: ['sleep', '1000'],
      change: (_request, spec) => bind(spec, '/run', '/data'),
    });
    const { stdout } = await container.shell('ls -d /data/conformance-escape /data/file 2>/dev/null');
    expectEqual('files outside of the share', stdout.toString(), '');
  },
};

const boundFile: Scenario = {
  name: 'copy-as-volume',
  about: 'a copied file and a copied directory are mounted into a container, the latter by a link as a ConfigMap is',
  run: async (scene) => {
    const volume = `${GUEST_SHARE}/${scene.newId()}-volume`;
    const content = Buffer.from('one\n');
    await copyIn(scene.calls, `${volume}/..data_1/key`, { kind: 'file', mode: 0o644, content });
    await copyIn(scene.calls, `${volume}/..data`, { kind: 'link', target: '..data_1' });
    await copyIn(scene.calls, `${volume}/key`, { kind: 'link', target: '..data/key' });
    const container = await scene.start({
      args: ['sh', '-c', 'cat /data/key /run/key; echo x 2>/dev/null >/data/new || echo read-only'],
      change: (_request, spec) => {
        bind(spec, volume, '/data');
        bind(spec, `${volume}/..data_1/key`, '/run/key');
      },
    });
    expectEqual('output', (await container.init.toEnd()).stdout.toString(), 'one\none\nread-only\n');
  },
};

const volumes: Scenario = {
  name: 'storages',
  about: 'storages local and ephemeral: made once, shared by two containers, kept when the first one has gone',
  run: async (scene) => {
    const name = scene.newId();
    const [local, memory] = [`${GUEST_SHARE}/${name}/local`, `/run/kata-containers/sandbox/ephemeral/${name}`];
    const storages = [
      { driver: 'local', source: 'local', fstype: 'local', options: ['mode=0777'], mount_point: local },
      { driver: 'ephemeral', source: 'tmpfs', fstype: 'tmpfs', options: ['fsgid=1000'], mount_point: memory },
    ];
    const change = (request: grpc.ICreateContainerRequest, spec: grpc.ISpec): void => {
      request.storages = storages;
      const options = ['rbind', 'rprivate', 'rw'];
      spec.Mounts?.push({ source: local, destination: '/data', type: 'local', options });
      spec.Mounts?.push({ source: memory, destination: '/run', type: 'bind', options });
    };
    const script = 'echo local >/data/file; echo memory >/run/file; stat -c %a /data; stat -c %g /run';
    const writer = await scene.start({ args: ['sh', '-c', script], change });
    expectEqual('mode and group', (await writer.init.toEnd()).stdout.toString(), '777\n1000\n');
    await writer.remove();
    const reader = await scene.start({ args: ['cat', '/data/file', '/run/file'], change });
    expectEqual('what the second one sees', (await reader.init.toEnd()).stdout.toString(), 'local\nmemory\n');
  },
};

const badStorage: Scenario = {
  name: 'storage-unknown-driver',
  about: 'a storage of an unknown driver is refused, and again when it is tried again',
  run: async (scene) => {
    const mount = `${GUEST_SHARE}/${scene.newId()}/nowhere`;
    for (const turn of ['the first time', 'the second time']) {
      const call = scene.create({
        args: ['true'],
        change: (request) => {
          request.storages = [{ driver: 'no-such-driver', source: 'x', fstype: 'tmpfs', mount_point: mount }];
        },
      });
      await expectRefusal(turn, call, { statuses: [INTERNAL, INVALID_ARGUMENT], text: /no-such-driver/ });
    }
  },
};

const diagnostics: Scenario = {
  name: 'diagnostic-data',
  about: "GetDiagnosticData answers what a container's program says of its end; other kinds are 3",
  run: async (scene) => {
    const log = `${GUEST_SHARE}/${scene.newId()}-termination-log`;
    await copyIn(scene.calls, log, { kind: 'file', mode: 0o666, content: Buffer.alloc(0) });
    const container = await scene.start({
      args: ['sh', '-c', 'echo the reason >/dev/termination-log'],
      change: (_request, spec) => {
        spec.Annotations = { 'io.kubernetes.container.terminationMessagePath': '/dev/termination-log' };
        spec.Mounts?.push({ source: log, destination: '/dev/termination-log', type: 'bind', options: ['rbind', 'rw'] });
      },
    });
    expectEqual('status', (await container.init.toEnd()).code, 0);
    const request = { log_type: 'termination_log', container_id: container.id };
    expectEqual('data', (await scene.agent.GetDiagnosticData(request)).data, 'the reason\n');
    const other = scene.agent.GetDiagnosticData({ ...request, log_type: 'other' });
    await expectRefusal('another kind', other, { statuses: [INVALID_ARGUMENT] });
  },
};

export const FILES: readonly Scenario[] = [parts, kinds, escapes, boundFile, volumes, badStorage, diagnostics];

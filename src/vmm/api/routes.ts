/** What the API can be asked for. */
import type { Vmm } from '../vmm.ts';

/** A request as far as it matters here. */
interface ApiRequest {
  /** The body's value; undefined where there is none. */
  readonly body: unknown;
  /** Descriptors that came with it. */
  readonly takeDescriptors: () => number[];
}

/** Carries a request out; what it resolves with is the answer. */
export type Action = (vmm: Vmm, request: ApiRequest) => unknown;

/** Where every path begins. */
export const API_ROOT = '/api/v1/';

/** Actions by path and method. */
export const ROUTES: ReadonlyMap<string, Readonly<Record<string, Action>>> = new Map(
  Object.entries<Readonly<Record<string, Action>>>({
    'vmm.ping': { GET: (vmm) => vmm.ping() },
    'vmm.shutdown': { PUT: () => undefined },
    'vm.info': { GET: (vmm) => vmm.info() },
    'vm.counters': { GET: (vmm) => vmm.counters() },
    'vm.create': { PUT: (vmm, { body }) => vmm.create(body) },
    'vm.boot': { PUT: (vmm) => vmm.boot() },
    'vm.shutdown': { PUT: (vmm) => vmm.shutdown() },
    'vm.delete': { PUT: (vmm) => vmm.delete() },
    'vm.pause': { PUT: (vmm) => vmm.pause() },
    'vm.resume': { PUT: (vmm) => vmm.resume() },
    'vm.power-button': { PUT: (vmm) => vmm.pressPowerButton() },
    'vm.resize': { PUT: (vmm, { body }) => vmm.resize(body) },
    'vm.add-disk': { PUT: (vmm, { body }) => vmm.addDisk(body) },
    'vm.add-net': { PUT: (vmm, { body, takeDescriptors }) => vmm.addNet(body, takeDescriptors()) },
    'vm.add-device': { PUT: (vmm, { body }) => vmm.addDevice(body) },
    'vm.remove-device': { PUT: (vmm, { body }) => vmm.removeDevice(body) },
  }),
);

/** The request that ends the whole process, once it is answered. */
export const SHUTDOWN_PATH = 'vmm.shutdown';

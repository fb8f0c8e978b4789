/** The RuntimeClass by which a pod asks for Kata; node.k8s.io/v1. */
import { stringify } from 'yaml';
import { LABEL, LABELS, objectShape, QUANTITY, TEXT_OF } from './cluster.ts';

const API_VERSION = 'node.k8s.io/v1';
const KIND = 'RuntimeClass';

/** What a machine costs beside its containers: the figures with which OpenShift's operator makes its class. */
const OVERHEAD = { cpu: '250m', memory: '350Mi' } as const;

/** Toleration of a pod; core/v1. */
const TOLERATION = {
  kind: 'record',
  fields: {
    key: { shape: { kind: 'text' } },
    operator: { shape: { kind: 'text', choices: ['Exists', 'Equal'] } },
    value: { shape: { kind: 'text' } },
    effect: { shape: { kind: 'text', choices: ['NoSchedule', 'PreferNoSchedule', 'NoExecute'] } },
    tolerationSeconds: { shape: { kind: 'integer', min: 0, max: Number.MAX_SAFE_INTEGER } },
  },
} as const;

export const RUNTIME_CLASS_SHAPE = objectShape(API_VERSION, KIND, {
  handler: { shape: TEXT_OF(LABEL), required: true },
  overhead: {
    shape: {
      kind: 'record',
      fields: { podFixed: { shape: { kind: 'map', of: TEXT_OF(QUANTITY) }, required: true } },
    },
  },
  scheduling: {
    shape: {
      kind: 'record',
      fields: { nodeSelector: { shape: LABELS }, tolerations: { shape: { kind: 'list', of: TOLERATION } } },
    },
  },
});

/** Text of the class. @param handler of CRI-O or containerd. */
export function runtimeClass(handler: string): string {
  return stringify({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name: handler },
    handler,
    overhead: { podFixed: { memory: OVERHEAD.memory, cpu: OVERHEAD.cpu } },
  });
}

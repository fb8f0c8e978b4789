/** The KataConfig that makes OpenShift's operator put Kata on the nodes; kataconfiguration.openshift.io/v1. */
import { stringify } from 'yaml';
import { LABEL_SELECTOR, objectShape } from './cluster.ts';

const API_VERSION = 'kataconfiguration.openshift.io/v1';
const KIND = 'KataConfig';

export const KATA_CONFIG_SHAPE = objectShape(API_VERSION, KIND, {
  spec: {
    shape: {
      kind: 'nullable',
      of: {
        kind: 'record',
        fields: {
          kataConfigPoolSelector: { shape: { kind: 'nullable', of: LABEL_SELECTOR } },
          checkNodeEligibility: { shape: { kind: 'boolean' }, required: true },
          // Those of `crio --log-level`.
          logLevel: { shape: { kind: 'text', choices: ['fatal', 'panic', 'error', 'warn', 'info', 'debug', 'trace'] } },
          enablePeerPods: {
            shape: { kind: 'boolean' },
            gap: (value) => (value === true ? 'machines in a cloud have not been tried' : undefined),
          },
        },
      },
    },
  },
});

/** Text of the object. @param pool label of the nodes that get Kata; all workers where it is not given. */
export function kataConfigObject(name: string, pool?: string): string {
  const selector = pool === undefined ? {} : { kataConfigPoolSelector: { matchLabels: { [pool]: '' } } };
  return stringify({
    apiVersion: API_VERSION,
    kind: KIND,
    metadata: { name },
    spec: { ...selector, checkNodeEligibility: false, logLevel: 'info' },
  });
}

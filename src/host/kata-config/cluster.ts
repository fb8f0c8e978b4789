/** What objects of a cluster have in common; Kubernetes' API conventions. */
import type { Field, Pattern, Shape } from './shape.ts';

/** RFC 1123 label: names of handlers. */
export const LABEL: Pattern = {
  expression: /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
  wanted: 'a name of small letters, digits and dashes, at most 63',
};

/** RFC 1123 subdomain: names of objects. */
const SUBDOMAIN: Pattern = {
  expression: /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/,
  wanted: 'a name of small letters, digits, dashes and dots',
};

const QUALIFIED: Pattern = {
  expression: /^([a-z0-9]([-a-z0-9.]*[a-z0-9])?\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
  wanted: 'a name, or a domain, a slash and a name',
};

const LABEL_VALUE: Pattern = {
  expression: /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
  wanted: 'a value of letters, digits, dashes, underscores and dots, at most 63',
};

/** apimachinery's resource.Quantity, without the exponents that nobody writes. */
export const QUANTITY: Pattern = {
  expression: /^\d+(\.\d+)?(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$/,
  wanted: 'an amount like 250m or 350Mi',
};

export const TEXT_OF = (pattern: Pattern): Shape => ({ kind: 'text', pattern });

/** Labels, and selectors by labels. */
export const LABELS: Shape = { kind: 'map', of: TEXT_OF(LABEL_VALUE), keys: QUALIFIED };

/** metav1.LabelSelector. */
export const LABEL_SELECTOR: Shape = {
  kind: 'record',
  fields: {
    matchLabels: { shape: LABELS },
    matchExpressions: {
      shape: {
        kind: 'list',
        of: {
          kind: 'record',
          fields: {
            key: { shape: TEXT_OF(QUALIFIED), required: true },
            operator: { shape: { kind: 'text', choices: ['In', 'NotIn', 'Exists', 'DoesNotExist'] }, required: true },
            values: { shape: { kind: 'list', of: TEXT_OF(LABEL_VALUE) } },
          },
        },
      },
    },
  },
};

/** An object with a name and no namespace. @param required labels that it must have. */
export function objectShape(
  apiVersion: string,
  kind: string,
  fields: Readonly<Record<string, Field>>,
  labels: Shape = LABELS,
): Shape {
  return {
    kind: 'record',
    fields: {
      apiVersion: { shape: { kind: 'text', choices: [apiVersion] }, required: true },
      kind: { shape: { kind: 'text', choices: [kind] }, required: true },
      metadata: {
        shape: {
          kind: 'record',
          fields: {
            name: { shape: TEXT_OF(SUBDOMAIN), required: true },
            labels: { shape: labels, required: labels !== LABELS },
            annotations: { shape: { kind: 'map', of: { kind: 'text' }, keys: QUALIFIED } },
          },
        },
        required: true,
      },
      ...fields,
    },
  };
}

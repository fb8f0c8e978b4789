/** Checks a file of any of the kinds that are written here. */
import { KataError } from '../../wire/error.ts';
import { configurationRules } from './configuration-rules.ts';
import { configurationShape } from './configuration-shape.ts';
import { CONTAINERD_LAYOUTS, containerdShape } from './containerd.ts';
import { crioShape } from './crio.ts';
import { located, type ParsedDocument, parseTomlText, parseYamlText } from './document.ts';
import { type Finding, isFault, type LocatedFinding, pathText } from './finding.ts';
import { KATA_CONFIG_SHAPE } from './kata-config-object.ts';
import { MACHINE_CONFIG_SHAPE } from './machine-config.ts';
import { RUNTIME_CLASS_SHAPE } from './runtime-class.ts';
import { checkShape, isRecord, type Shape } from './shape.ts';
import { SHIMS, type Shim } from './shim.ts';

/** What a file is, and what is to be said of it. */
export interface CheckResult {
  /** In words, such as `Kata's configuration for the shim 2.2`. */
  readonly what: string;
  readonly findings: readonly LocatedFinding[];
}

const OBJECTS: ReadonlyMap<unknown, Shape> = new Map([
  ['RuntimeClass', RUNTIME_CLASS_SHAPE],
  ['MachineConfig', MACHINE_CONFIG_SHAPE],
  ['KataConfig', KATA_CONFIG_SHAPE],
]);

/**
 * Checks a text, whose kind is told by what stands in it.
 * @param shim whose configuration it is; where it is not given, the one that has less against it.
 */
export function checkText(text: string, shim?: Shim): CheckResult {
  const yaml = /^(apiVersion|kind)\s*:/m.test(text);
  const parsed = yaml ? parseYamlText(text) : parseTomlText(text);
  if (parsed.kind === 'broken') return { what: yaml ? 'YAML' : 'TOML', findings: parsed.findings };
  const results = parsed.documents.map((document) => (yaml ? checkObject(document) : checkToml(document, shim)));
  return {
    what: [...new Set(results.map(({ what }) => what))].join(', '),
    findings: results.flatMap(({ findings }) => findings),
  };
}

function checkObject(document: ParsedDocument): CheckResult {
  const kind = isRecord(document.value) ? document.value['kind'] : undefined;
  const shape = OBJECTS.get(kind);
  if (shape === undefined) return unknownFile(document, `kind ${JSON.stringify(kind)} is not one that is known`);
  return { what: String(kind), findings: located(checkShape(shape, document.value), document) };
}

function checkToml(document: ParsedDocument, shim: Shim | undefined): CheckResult {
  const value = isRecord(document.value) ? document.value : {};
  if ('crio' in value) {
    return {
      what: "CRI-O's runtime handlers",
      findings: located(checkShape(crioShape(handlersOf(value)), value), document),
    };
  }
  if ('plugins' in value) {
    const layout = CONTAINERD_LAYOUTS.find((each) => Number(value['version']) === each) ?? CONTAINERD_LAYOUTS[0];
    return {
      what: "containerd's runtime handlers",
      findings: located(checkShape(containerdShape(layout), value), document),
    };
  }
  if (!('hypervisor' in value || 'runtime' in value || 'agent' in value)) {
    return unknownFile(document, 'neither of Kata, nor of CRI-O, nor of containerd');
  }
  const looks = (shim === undefined ? SHIMS : [shim]).map((each) => ({
    shim: each,
    findings: checkConfiguration(value, each),
  }));
  const [best] = looks.toSorted((a, b) => faults(a.findings) - faults(b.findings));
  const what = `Kata's configuration for the shim ${best?.shim}`;
  return { what, findings: located(best?.findings ?? [], document) };
}

function checkConfiguration(value: unknown, shim: Shim): Finding[] {
  return [...checkShape(configurationShape(shim), value), ...configurationRules(value, shim)];
}

function faults(findings: readonly Finding[]): number {
  return findings.filter(isFault).length;
}

function handlersOf(value: Readonly<Record<string, unknown>>): string[] {
  const below = (table: unknown, key: string): unknown => (isRecord(table) ? table[key] : undefined);
  const runtimes = below(below(value['crio'], 'runtime'), 'runtimes');
  return isRecord(runtimes) ? Object.keys(runtimes) : [];
}

function unknownFile(document: ParsedDocument, text: string): CheckResult {
  return { what: 'a file of no known kind', findings: located([{ kind: 'wrong', path: [], text }], document) };
}

/**
 * Gives a text that we have written back, once its own check has nothing against it.
 * @throws KataError ERR_INVALID_ARGUMENT naming what was given to its writer and does not fit.
 */
export function verified(text: string, shim?: Shim): string {
  const against = checkText(text, shim).findings.filter(isFault);
  if (against.length === 0) return text;
  const reasons = against.map(({ path, text: reason }) => `${pathText(path)}: ${reason}`);
  throw new KataError('ERR_INVALID_ARGUMENT', `what was asked for makes no valid file: ${reasons.join('; ')}`);
}

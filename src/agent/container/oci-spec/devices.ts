/** Device nodes of a container, and which devices it may use. */
import type { grpc } from '../../../wire/generated/proto.js';
import { badField } from './bad-field.ts';
import type { JsonObject } from './json.ts';
import { exact, nonZero32 } from './number.ts';

const NODE_TYPES: ReadonlySet<string> = new Set(['c', 'b', 'u', 'p']);
const RULE_TYPES: ReadonlySet<string> = new Set(['a', 'c', 'b', '']);
const ACCESS = /^[rwm]*$/;
const ALL = 'rwm';
const ANY_NUMBER = -1n;

const DENY_ALL: JsonObject = { allow: false, access: ALL };
const ALLOW_ALL: JsonObject = { allow: true, type: 'a', access: ALL };

function allowCharacter(major: number, minor?: number): JsonObject {
  return { allow: true, type: 'c', major, minor, access: ALL };
}

/** What every container may use; numbers from the kernel's Documentation/admin-guide/devices.txt. */
const DEFAULT_RULES: readonly JsonObject[] = [
  // Making a node is harmless where opening it is refused.
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  allowCharacter(1, 3), // null
  allowCharacter(1, 5), // zero
  allowCharacter(1, 7), // full
  allowCharacter(5, 0), // tty
  allowCharacter(1, 8), // random
  allowCharacter(1, 9), // urandom
  allowCharacter(5, 1), // console
  allowCharacter(5, 2), // ptmx
  allowCharacter(136), // pts
  allowCharacter(10, 200), // net/tun
];

/** Converts one device node. @throws KataError (INTERNAL on the wire) naming field and value. */
export function convertDevice(device: grpc.LinuxDevice): JsonObject {
  if (!device.Path.startsWith('/')) throw badField('Linux.Devices.Path', device.Path, 'is not absolute');
  if (!NODE_TYPES.has(device.Type)) {
    throw badField(`Linux.Devices.Type of ${device.Path}`, device.Type, 'is none of c, b, u, p');
  }
  const numbers = device.Type === 'p' ? {} : { major: exact(device.Major), minor: exact(device.Minor) };
  return {
    path: device.Path,
    type: device.Type,
    ...numbers,
    fileMode: nonZero32(device.FileMode),
    uid: device.UID,
    gid: device.GID,
  };
}

/** Zero and zero is no device: the sender's "any", which proto3 cannot tell from an absent number. */
function ruleNumbers(rule: grpc.LinuxDeviceCgroup): { major?: bigint; minor?: bigint } {
  const [major, minor] = [exact(rule.Major), exact(rule.Minor)];
  if (major === 0n && minor === 0n) return {};
  return { ...(major === ANY_NUMBER ? {} : { major }), ...(minor === ANY_NUMBER ? {} : { minor }) };
}

function convertRule(rule: grpc.LinuxDeviceCgroup): JsonObject {
  if (!RULE_TYPES.has(rule.Type)) throw badField('Linux.Resources.Devices.Type', rule.Type, 'is none of a, c, b');
  if (!ACCESS.test(rule.Access))
    throw badField('Linux.Resources.Devices.Access', rule.Access, 'is not made of r, w, m');
  return {
    allow: rule.Allow,
    type: rule.Type === '' ? 'a' : rule.Type,
    ...ruleNumbers(rule),
    access: rule.Access === '' ? ALL : rule.Access,
  };
}

function allowsEverything(rule: JsonObject): boolean {
  const hasNumbers = rule['major'] !== undefined || rule['minor'] !== undefined;
  return rule['allow'] === true && rule['type'] === 'a' && !hasNumbers && rule['access'] === ALL;
}

function allowNode(device: grpc.LinuxDevice): JsonObject {
  const type = device.Type === 'b' ? 'b' : 'c';
  return { allow: true, type, major: exact(device.Major), minor: exact(device.Minor), access: ALL };
}

/**
 * The device rules: nothing but the usual devices, the request's own rules, and the nodes that the container is given;
 * everything where a rule of the request allows everything (a privileged container).
 * @throws KataError (INTERNAL on the wire) naming field and value.
 */
export function deviceRules(
  given: readonly grpc.LinuxDeviceCgroup[],
  nodes: readonly grpc.LinuxDevice[],
): readonly JsonObject[] {
  const rules = given.map(convertRule);
  if (rules.some(allowsEverything)) return [ALLOW_ALL];
  const ofNodes = nodes.filter((device) => device.Type !== 'p').map(allowNode);
  // A rule that denies everything would come after the usual devices and take them away again.
  const kept = rules.filter((rule) => !(rule['allow'] === false && rule['type'] === 'a'));
  return [DENY_ALL, ...DEFAULT_RULES, ...kept, ...ofNodes];
}

import { describe, expect, it } from 'vitest';
import { convertCapabilities } from '../../../../../src/agent/container/oci-spec/capabilities.ts';
import { grpc } from '../../../../../src/wire/generated/proto.js';

describe('convertCapabilities', () => {
  it('gives none where the request has no sets', () => {
    const none = { bounding: [], effective: [], inheritable: [], permitted: [], ambient: [] };
    expect(convertCapabilities(null, () => {})).toEqual(none);
  });

  it.each([['CAP_NET_ADMIN'], ['NET_ADMIN'], ['"CAP_NET_ADMIN"']])('takes %s for CAP_NET_ADMIN', (name) => {
    const warnings: string[] = [];
    const sets = convertCapabilities(new grpc.LinuxCapabilities({ Effective: [name] }), (text) => warnings.push(text));
    expect(sets).toMatchObject({ effective: ['CAP_NET_ADMIN'] });
    expect(warnings).toEqual([]);
  });

  it('drops a name that it does not know, and says which', () => {
    const warnings: string[] = [];
    const given = new grpc.LinuxCapabilities({ Bounding: ['CAP_NEW_ONE', 'KILL'] });
    expect(convertCapabilities(given, (text) => warnings.push(text))).toMatchObject({ bounding: ['CAP_KILL'] });
    expect(warnings).toEqual(['Process.Capabilities.Bounding: "CAP_NEW_ONE" is unknown and was dropped']);
  });
});

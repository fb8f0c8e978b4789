/** Messages as the agent gets them: encoded and decoded again, so that every field is there. */
import { grpc } from '../../../../../src/wire/generated/proto.js';

/** A specification with what every one has, and `more` over it. */
export function decodedSpec(more: grpc.Spec.$Properties = {}): grpc.Spec {
  const spec: grpc.Spec.$Properties = {
    Version: '1.0.2-dev',
    Process: { Args: ['sh'], Cwd: '/' },
    Root: { Path: '/root' },
    Linux: { Namespaces: [{ Type: 'mount' }] },
    ...more,
  };
  return grpc.Spec.decode(grpc.Spec.encode(spec).finish());
}

/** The process of a specification. */
export function decodedProcess(more: grpc.Process.$Properties): grpc.Process {
  return grpc.Process.decode(grpc.Process.encode({ Args: ['sh'], Cwd: '/', ...more }).finish());
}

/** The Linux part of a specification. */
export function decodedLinux(linux: grpc.Linux.$Properties): grpc.Linux {
  return grpc.Linux.decode(grpc.Linux.encode(linux).finish());
}

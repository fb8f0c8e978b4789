/** The error of a specification that cannot be used. */
import { GrpcStatus, KataError } from '../../../wire/error.ts';

/**
 * Error that names a field of a request, its value and what is wrong with it. The protocol answers a bad container
 * specification with INTERNAL, not with INVALID_ARGUMENT.
 * @param field as the request spells it, such as `Process.Cwd`.
 */
export function badField(field: string, value: unknown, problem: string): KataError {
  return new KataError('ERR_INVALID_ARGUMENT', `${field}: ${JSON.stringify(value)} ${problem}`, {
    status: GrpcStatus.INTERNAL,
  });
}

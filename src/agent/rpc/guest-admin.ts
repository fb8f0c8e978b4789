/** The handlers of calls about the guest's clock and randomness, and of what is asked for a diagnosis. */
import type Long from 'long';
import { setRealTime } from '../../linux/clock.ts';
import { reseedRandom } from '../../linux/random.ts';
import { GrpcStatus, hasErrno, KataError } from '../../wire/error.ts';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { badField } from '../container/oci-spec/bad-field.ts';
import { exact } from '../container/oci-spec/number.ts';
import { readTerminationLog } from '../container/termination-log.ts';
import type { AgentContext } from '../context.ts';
import { Mutex } from '../process/mutex.ts';
import { fulfilledWithin } from '../process/within.ts';

const US_PER_SECOND = 1_000_000;
const NS_PER_US = 1000n;

const TERMINATION_LOG = 'termination_log';
/** The file may lie on a share that does not answer (ms). */
const READ_DEADLINE_MS = 10_000;

function setTime(seconds: Long, microseconds: Long): void {
  if (microseconds.isNegative() || microseconds.greaterThanOrEqual(US_PER_SECOND)) {
    throw badField('Usec', microseconds.toString(), `is not within 0 to ${US_PER_SECOND - 1}`);
  }
  try {
    setRealTime(exact(seconds), exact(microseconds) * NS_PER_US);
  } catch (error) {
    if (hasErrno(error, 'EINVAL')) throw badField('Sec', seconds.toString(), 'is no time that the clock can have');
    throw error;
  }
}

/** Makes the handlers. */
export function guestAdminHandlers({ sandbox }: Pick<AgentContext, 'sandbox'>) {
  // One that hangs holds up one of the threads that Node has for files, and no second one.
  const reading = new Mutex();
  return {
    ReseedRandomDev: ({ data }) => {
      if (data.length === 0) throw badField('data', '', 'is empty');
      reseedRandom(data);
      return {};
    },
    SetGuestDateTime: ({ Sec: seconds, Usec: microseconds }) => {
      setTime(seconds, microseconds);
      return {};
    },
    GetDiagnosticData: async ({ log_type: type, container_id: id }) => {
      if (type !== TERMINATION_LOG) {
        throw new KataError('ERR_INVALID_ARGUMENT', `log_type: ${JSON.stringify(type)} is not ${TERMINATION_LOG}`);
      }
      const path = sandbox.container(id).terminationLog;
      if (path === undefined) throw badField('container_id', id, 'has no file for what it says of its end');
      const text = reading.run(() => readTerminationLog(path));
      if (await fulfilledWithin(text, READ_DEADLINE_MS)) return { data: await text };
      const problem = `${path} cannot be read within ${READ_DEADLINE_MS} ms`;
      throw new KataError('ERR_DEADLINE', problem, { status: GrpcStatus.INTERNAL });
    },
  } satisfies Partial<Handlers<'grpc.AgentService'>>;
}

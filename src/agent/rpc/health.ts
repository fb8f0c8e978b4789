/** The handlers of grpc.Health. They look at nothing, so that they always answer at once. */

import { grpc } from '../../wire/generated/proto.js';
import type { Handlers } from '../../wire/ttrpc/router.ts';
import { API_VERSION, VERSION } from '../version.ts';

/** Makes the handlers. */
export function healthHandlers(): Handlers<'grpc.Health'> {
  return {
    Check: () => ({ status: grpc.HealthCheckResponse.ServingStatus.SERVING }),
    Version: () => ({ grpc_version: API_VERSION, agent_version: VERSION }),
  };
}

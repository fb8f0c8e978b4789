/** From a call's names to a typed handler: decodes the request, runs the handler, encodes its response. */
import { GrpcStatus, KataError } from '../error.ts';
import { findService, type MethodTypes, type SERVICES, type ServiceName } from '../services.ts';
import { decoding } from './envelope.ts';
import type { ServerCall } from './server-connection.ts';

/** What a handler may know of its call beyond the request. */
export type CallContext = Pick<ServerCall, 'signal' | 'metadata'>;

/** Handlers of a service, by the bare names of its methods. */
export type Handlers<Service extends ServiceName> = {
  [Name in keyof (typeof SERVICES)[Service]]: (
    request: MethodTypes<(typeof SERVICES)[Service]>[Name]['request'],
    context: CallContext,
  ) =>
    | MethodTypes<(typeof SERVICES)[Service]>[Name]['responseInit']
    | Promise<MethodTypes<(typeof SERVICES)[Service]>[Name]['responseInit']>;
};

type UntypedHandler = (request: object, context: CallContext) => object | Promise<object>;

/** A table of handlers. Methods of a known service that nobody registered answer UNIMPLEMENTED. */
export class Router {
  readonly #handlers = new Map<string, UntypedHandler>();
  readonly #reasons = new Map<string, string>();

  /** Adds handlers of a service. One that is registered again replaces the former. */
  register<Service extends ServiceName>(service: Service, handlers: Partial<Handlers<Service>>): this {
    for (const [method, handler] of Object.entries(handlers)) {
      // Reason for the cast: Object.entries loses which request type belongs to which name. `dispatch` finds the codec
      // and the handler by the same name, and Handlers tied the two together.
      if (handler !== undefined) this.#handlers.set(pathOf(service, method), handler as UntypedHandler);
    }
    return this;
  }

  /** Adds why methods have no handler: their callers are told. */
  refuse(service: ServiceName, reasons: Readonly<Record<string, string>>): this {
    for (const [method, reason] of Object.entries(reasons)) this.#reasons.set(pathOf(service, method), reason);
    return this;
  }

  /**
   * Does a call.
   * @returns the response, encoded.
   * @throws KataError INVALID_ARGUMENT for an unknown service, ERR_UNIMPLEMENTED for a method that is unknown or not
   * built, ERR_DECODE for a request that is not the method's; and whatever the handler throws.
   */
  async dispatch({ service, method, payload, signal, metadata }: ServerCall): Promise<Uint8Array> {
    const methods = findService(service);
    if (methods === undefined) {
      throw new KataError('ERR_NOT_FOUND', `${service} service does not exist`, {
        status: GrpcStatus.INVALID_ARGUMENT,
      });
    }
    const descriptor = methods.get(method);
    if (descriptor === undefined) throw new KataError('ERR_UNIMPLEMENTED', `${method} method`);
    const path = pathOf(service, method);
    const handler = this.#handlers.get(path);
    if (handler === undefined) {
      const reason = this.#reasons.get(path);
      throw new KataError('ERR_UNIMPLEMENTED', `${path} is not supported${reason === undefined ? '' : `: ${reason}`}`);
    }
    const request = decoding(`the request of ${method}`, () => descriptor.request.decode(payload));
    const response = await handler(request, { signal, metadata });
    return descriptor.response.encode(response).finish();
  }
}

/** A method's name as gRPC writes it. */
function pathOf(service: string, method: string): string {
  return `/${service}/${method}`;
}

/** What QEMU tells a vhost-user device, carried out: features, memory, rings and configuration. */
import { closeSync } from 'node:fs';
import { KataError } from '../../wire/error.ts';
import { GuestMemory } from './guest-memory.ts';
import { MEMORY_REGIONS_MAX } from './limits.ts';
import type { Ring } from './ring.ts';
import {
  answerConfig,
  decodeMemoryRegion,
  decodeMemoryTable,
  decodeU64,
  decodeVringAddress,
  decodeVringFd,
  decodeVringState,
  encodeU64,
  encodeVringState,
  Feature,
  ProtocolFeature,
  Request,
} from './vhost-user.ts';

const FEATURES = Feature.VERSION_1 | Feature.INDIRECT_DESC | Feature.EVENT_IDX | Feature.VHOST_USER_PROTOCOL;
const PROTOCOL_FEATURES =
  ProtocolFeature.MQ |
  ProtocolFeature.REPLY_ACK |
  ProtocolFeature.CONFIG |
  ProtocolFeature.RESET_DEVICE |
  ProtocolFeature.CONFIGURE_MEM_SLOTS;

/** The descriptors of one message. What no handler takes is closed after it. */
export class MessageFds {
  readonly #fds: number[];

  constructor(fds: readonly number[]) {
    this.#fds = [...fds];
  }

  /** Hands one over. @throws KataError ERR_PROTOCOL where there is none. */
  take(): number {
    const fd = this.at(0);
    this.#fds.shift();
    return fd;
  }

  /** One that stays with this object. @throws KataError ERR_PROTOCOL where there is none. */
  at(index: number): number {
    const fd = this.#fds[index];
    if (fd === undefined) throw new KataError('ERR_PROTOCOL', 'vhost-user: a descriptor is missing');
    return fd;
  }

  /** Closes those not taken. */
  close(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd);
  }
}

/** The state that one QEMU has set up. */
export class Backend {
  readonly #rings: readonly Ring[];
  readonly #config: Buffer;
  /** Called after a ring was started, stopped or enabled. */
  readonly #onChange: () => void;
  readonly #memory = new GuestMemory();
  #features = 0n;
  #protocolFeatures = 0n;

  /** @param guestCid the whole configuration of the device (virtio 1.2, 5.10.4). */
  constructor(rings: readonly Ring[], guestCid: bigint, onChange: () => void) {
    this.#rings = rings;
    this.#config = encodeU64(guestCid);
    this.#onChange = onChange;
  }

  /** True where QEMU understands answers to requests that have none of their own. */
  get acknowledges(): boolean {
    return (this.#protocolFeatures & ProtocolFeature.REPLY_ACK) !== 0n;
  }

  /** Back to the state before QEMU connected: rings stopped, memory unmapped, descriptors closed. */
  reset(): void {
    for (const ring of this.#rings) ring.reset();
    this.#onChange();
    this.#memory.clear();
    this.#features = 0n;
    this.#protocolFeatures = 0n;
  }

  /**
   * Carries a request out.
   * @returns the body of its answer, or undefined for a request that has none.
   * @throws KataError where it is wrong, unknown or cannot be done; nothing has changed then.
   */
  handle(request: number, body: Buffer, fds: MessageFds): Buffer | undefined {
    switch (request) {
      case Request.GET_FEATURES:
        return encodeU64(FEATURES);
      case Request.SET_FEATURES:
        return this.#setFeatures(decodeU64(body));
      case Request.GET_PROTOCOL_FEATURES:
        return encodeU64(PROTOCOL_FEATURES);
      case Request.SET_PROTOCOL_FEATURES:
        this.#protocolFeatures = decodeU64(body) & PROTOCOL_FEATURES;
        return undefined;
      case Request.GET_QUEUE_NUM:
        return encodeU64(BigInt(this.#rings.length));
      case Request.GET_MAX_MEM_SLOTS:
        return encodeU64(BigInt(MEMORY_REGIONS_MAX));
      case Request.GET_CONFIG:
        return answerConfig(body, this.#config);
      case Request.SET_OWNER:
        return undefined;
      case Request.RESET_OWNER:
      case Request.RESET_DEVICE:
        return this.#resetRings();
      case Request.SET_MEM_TABLE:
      case Request.ADD_MEM_REG:
      case Request.REM_MEM_REG:
        return this.#changeMemory(request, body, fds);
      default:
        return this.#handleVring(request, body, fds);
    }
  }

  #setFeatures(features: bigint): undefined {
    if ((features & ~FEATURES) !== 0n) {
      throw new KataError('ERR_PROTOCOL', `vhost-user: features 0x${features.toString(16)} were not offered`);
    }
    this.#features = features;
    // Without the protocol's feature bit there is no message that enables a ring ("Ring states").
    if ((features & Feature.VHOST_USER_PROTOCOL) === 0n) for (const ring of this.#rings) ring.setEnabled(true);
  }

  /** The rings start from zero when they are started next; descriptors stay, for QEMU does not send them again. */
  #resetRings(): undefined {
    for (const ring of this.#rings) {
      ring.stop();
      ring.setBase(0);
      ring.setEnabled((this.#features & Feature.VHOST_USER_PROTOCOL) === 0n);
    }
    this.#onChange();
  }

  #changeMemory(request: number, body: Buffer, fds: MessageFds): undefined {
    if (request === Request.SET_MEM_TABLE) {
      const places = decodeMemoryTable(body);
      this.#memory.replace(places.map((place, index) => ({ place, fd: fds.at(index) })));
    } else if (request === Request.ADD_MEM_REG) {
      this.#memory.add({ fd: fds.at(0), place: decodeMemoryRegion(body) });
    } else {
      this.#memory.remove(decodeMemoryRegion(body));
    }
    this.#remapRings();
  }

  /** @throws KataError where a running ring has lost its memory; it is stopped, and the others go on. */
  #remapRings(): void {
    const errors = this.#rings.map((ring) => ring.remap()).filter((error) => error !== undefined);
    this.#onChange();
    if (errors[0] !== undefined) throw errors[0];
  }

  #handleVring(request: number, body: Buffer, fds: MessageFds): Buffer | undefined {
    switch (request) {
      case Request.SET_VRING_NUM: {
        const { index, value } = decodeVringState(body);
        this.#ring(index).setSize(value);
        return undefined;
      }
      case Request.SET_VRING_BASE: {
        const { index, value } = decodeVringState(body);
        this.#ring(index).setBase(value);
        return undefined;
      }
      case Request.SET_VRING_ENABLE: {
        const { index, value } = decodeVringState(body);
        this.#ring(index).setEnabled(value !== 0);
        this.#onChange();
        return undefined;
      }
      case Request.GET_VRING_BASE: {
        const { index } = decodeVringState(body);
        const ring = this.#ring(index);
        const value = ring.stop();
        ring.setCall(undefined);
        ring.setError(undefined);
        this.#onChange();
        return encodeVringState({ index, value });
      }
      case Request.SET_VRING_ADDR: {
        const address = decodeVringAddress(body);
        this.#ring(address.index).setAddress(address);
        return undefined;
      }
      case Request.SET_VRING_KICK:
        return this.#start(body, fds);
      case Request.SET_VRING_CALL: {
        const { index, hasFd } = decodeVringFd(body);
        this.#ring(index).setCall(hasFd ? fds.take() : undefined);
        return undefined;
      }
      case Request.SET_VRING_ERR: {
        const { index, hasFd } = decodeVringFd(body);
        this.#ring(index).setError(hasFd ? fds.take() : undefined);
        return undefined;
      }
      default:
        throw new KataError('ERR_UNIMPLEMENTED', `vhost-user: request ${request} is not known`);
    }
  }

  #start(body: Buffer, fds: MessageFds): undefined {
    const { index, hasFd } = decodeVringFd(body);
    const ring = this.#ring(index);
    if (!hasFd) {
      throw new KataError('ERR_PROTOCOL', `vhost-user: ring ${index} has no kick descriptor; we do not poll memory`);
    }
    const features = {
      indirect: (this.#features & Feature.INDIRECT_DESC) !== 0n,
      eventIndex: (this.#features & Feature.EVENT_IDX) !== 0n,
    };
    ring.start(this.#memory, features, fds.at(0));
    fds.take();
    this.#onChange();
  }

  #ring(index: number): Ring {
    const ring = this.#rings[index];
    if (ring === undefined) throw new KataError('ERR_PROTOCOL', `vhost-user: ring ${index} of ${this.#rings.length}`);
    return ring;
  }
}

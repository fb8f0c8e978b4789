import { describe, expect, it } from 'vitest';
import { Connection } from '../../../../src/host/vsock/connection.ts';
import type { Carrier, HostEnd } from '../../../../src/host/vsock/connection-types.ts';
import { CONNECTION_BUFFER_BYTES } from '../../../../src/host/vsock/limits.ts';
import { Op, type PacketHeader, Shutdown } from '../../../../src/wire/vsock/packet.ts';

/** A connection between a host's end and a carrier that only write down what they are told; time stands still. */
function setUp(initial: 'requesting' | 'offered') {
  const events: string[] = [];
  const timers = new Set<() => void>();
  const carrier: Carrier = {
    ready: () => {},
    finished: (sendReset) => void events.push(sendReset ? 'finished, reset' : 'finished'),
    schedule: (_ms, action) => {
      timers.add(action);
      return () => void timers.delete(action);
    },
  };
  const host: HostEnd = {
    guestOpened: () => void events.push('opened'),
    guestData: (chunk) => void events.push(`data ${chunk.length}`),
    guestEnded: () => void events.push('ended'),
    connectionOver: (error) => void events.push(`over ${error?.errno ?? 'clean'}`),
  };
  const connection = new Connection(carrier, { local: 9, remote: 1024 }, initial, 2000);
  if (initial === 'requesting') connection.attach(host);
  const receive = (op: number, fields: Partial<PacketHeader> = {}): void => {
    const header = { srcCid: 3n, dstCid: 2n, srcPort: 1024, dstPort: 9, length: 0, type: 1, flags: 0 };
    connection.receive(
      { ...header, bufAlloc: 1000, fwdCnt: 0, op, ...fields },
      () => new Uint8Array(fields.length ?? 0),
    );
  };
  const takeAll = (): { op: number; flags: number; length: number }[] => {
    const packets = [];
    for (let packet = connection.take(4096); packet !== undefined; packet = connection.take(4096)) {
      const { op, flags, length, sent } = packet;
      connection.stampCredit();
      sent?.();
      packets.push({ op, flags, length });
    }
    return packets;
  };
  const expire = (): void => {
    for (const action of [...timers]) action();
  };
  return { connection, host, events, timers, receive, takeAll, expire };
}

/** The same, open. */
function setUpOpen() {
  const setup = setUp('requesting');
  setup.takeAll();
  setup.receive(Op.RESPONSE);
  return setup;
}

describe('a connection of the host', () => {
  it('asks, and is open when the guest accepts', () => {
    const { connection, events, timers, receive, takeAll } = setUp('requesting');
    expect(takeAll()).toEqual([{ op: Op.REQUEST, flags: 0, length: 0 }]);
    receive(Op.RESPONSE);
    expect(events).toEqual(['opened']);
    expect(connection.state).toEqual({ kind: 'open', guestFlags: 0, hostFlags: 0 });
    expect(timers.size).toBe(0);
  });

  it('is over when the guest refuses', () => {
    const { events, receive, takeAll, timers } = setUp('requesting');
    takeAll();
    receive(Op.RST);
    expect(events).toEqual(['finished', 'over ECONNREFUSED']);
    expect(timers.size).toBe(0);
  });

  it('takes its request back after the time-out, where it was sent', () => {
    const unsent = setUp('requesting');
    unsent.expire();
    expect(unsent.events).toEqual(['finished', 'over ETIMEDOUT']);
    const sent = setUp('requesting');
    sent.takeAll();
    sent.expire();
    expect(sent.events).toEqual(['finished, reset', 'over ETIMEDOUT']);
  });

  it.each([Op.RW, Op.REQUEST, Op.SHUTDOWN, Op.CREDIT_UPDATE])('is reset by operation %s before the answer', (op) => {
    const { events, receive, takeAll } = setUp('requesting');
    takeAll();
    receive(op);
    expect(events).toEqual(['finished, reset', 'over EPROTO']);
  });

  it('is not opened by an answer to a request that was not sent', () => {
    const { events, receive } = setUp('requesting');
    receive(Op.RESPONSE);
    expect(events).toEqual(['finished, reset', 'over EPROTO']);
  });
});

describe('a connection of the guest', () => {
  it('is answered when the host takes it', () => {
    const { connection, host, takeAll } = setUp('offered');
    expect(takeAll()).toEqual([]);
    connection.accept(host);
    expect(takeAll()).toEqual([{ op: Op.RESPONSE, flags: 0, length: 0 }]);
  });

  it('is reset when the host refuses it, or does not decide', () => {
    const refused = setUp('offered');
    refused.connection.refuse();
    expect(refused.events).toEqual(['finished, reset']);
    const undecided = setUp('offered');
    undecided.expire();
    expect(undecided.events).toEqual(['finished, reset']);
  });

  it('is forgotten when the guest gives up, with an answer to all but RST', () => {
    const reset = setUp('offered');
    reset.receive(Op.RST);
    expect(reset.events).toEqual(['finished']);
    const shut = setUp('offered');
    shut.receive(Op.SHUTDOWN, { flags: Shutdown.BOTH });
    expect(shut.events).toEqual(['finished, reset']);
    shut.connection.accept(shut.host);
    expect(shut.connection.state.kind).toBe('closed');
  });

  it('answers before it sends, and sends all before it ends', () => {
    const { connection, host, receive, takeAll } = setUp('offered');
    receive(Op.CREDIT_UPDATE);
    connection.accept(host);
    connection.send([new Uint8Array(10), new Uint8Array(20)], () => connection.endSending(() => {}));
    expect(takeAll().map(({ op, length }) => [op, length])).toEqual([
      [Op.RESPONSE, 0],
      [Op.RW, 30],
      [Op.SHUTDOWN, 0],
    ]);
  });
});

describe('an open connection', () => {
  it('sends within the credit, asks once for more, and goes on', () => {
    const { connection, receive, takeAll } = setUpOpen();
    let isDone = false;
    connection.send([new Uint8Array(2500)], (isTaken) => {
      isDone = isTaken;
    });
    expect(takeAll().map(({ op, length }) => [op, length])).toEqual([
      [Op.RW, 1000],
      [Op.CREDIT_REQUEST, 0],
    ]);
    receive(Op.CREDIT_UPDATE, { fwdCnt: 0 });
    expect(takeAll()).toEqual([]);
    receive(Op.CREDIT_UPDATE, { bufAlloc: 5000, fwdCnt: 1000 });
    expect(takeAll().map(({ length }) => length)).toEqual([1500]);
    expect(isDone).toBe(true);
  });

  it('never sends more than a buffer holds', () => {
    const { connection, receive, takeAll } = setUpOpen();
    receive(Op.CREDIT_UPDATE, { bufAlloc: 100_000 });
    connection.send([new Uint8Array(5000), new Uint8Array(5000)], () => {});
    expect(takeAll().map(({ length }) => length)).toEqual([4096, 4096, 1808]);
  });

  it('tells its credit when asked, and by itself at half of the buffer', () => {
    const { connection, receive, takeAll } = setUpOpen();
    receive(Op.CREDIT_REQUEST);
    expect(takeAll().map(({ op }) => op)).toEqual([Op.CREDIT_UPDATE]);
    receive(Op.RW, { length: CONNECTION_BUFFER_BYTES });
    connection.forwarded(CONNECTION_BUFFER_BYTES / 2 - 1);
    expect(takeAll()).toEqual([]);
    connection.forwarded(1);
    expect(takeAll().map(({ op }) => op)).toEqual([Op.CREDIT_UPDATE]);
  });

  it('ORs the flags of shutdowns, and is over when both are set', () => {
    const { connection, events, receive } = setUpOpen();
    events.length = 0;
    receive(Op.SHUTDOWN, { flags: 0 });
    receive(Op.SHUTDOWN, { flags: Shutdown.SEND });
    receive(Op.SHUTDOWN, { flags: Shutdown.SEND });
    expect(connection.state).toEqual({ kind: 'open', guestFlags: Shutdown.SEND, hostFlags: 0 });
    receive(Op.SHUTDOWN, { flags: Shutdown.RECEIVE });
    expect(events).toEqual(['ended', 'finished, reset', 'over clean']);
  });

  it('is reset for data after the guest ended, data without credit, and requests', () => {
    const late = setUpOpen();
    late.receive(Op.SHUTDOWN, { flags: Shutdown.SEND });
    late.receive(Op.RW, { length: 1 });
    expect(late.events.slice(-2)).toEqual(['finished, reset', 'over EPROTO']);
    const greedy = setUpOpen();
    greedy.receive(Op.RW, { length: CONNECTION_BUFFER_BYTES });
    greedy.receive(Op.RW, { length: 1 });
    expect(greedy.events.slice(-2)).toEqual(['finished, reset', 'over EPROTO']);
    const again = setUpOpen();
    again.receive(Op.REQUEST);
    expect(again.events.slice(-2)).toEqual(['finished, reset', 'over EPROTO']);
  });

  it('takes an RST after both ends as the confirmation, else as a failure', () => {
    const clean = setUpOpen();
    clean.receive(Op.SHUTDOWN, { flags: Shutdown.SEND });
    clean.connection.endSending(() => {});
    clean.takeAll();
    clean.receive(Op.RST);
    expect(clean.events.slice(-2)).toEqual(['finished', 'over clean']);
    const cut = setUpOpen();
    cut.receive(Op.RST);
    expect(cut.events.slice(-2)).toEqual(['finished', 'over ECONNRESET']);
  });

  it('gives a write back when the guest receives no more', () => {
    const { connection, receive } = setUpOpen();
    const outcomes: boolean[] = [];
    connection.send([new Uint8Array(10)], (isTaken) => outcomes.push(isTaken));
    receive(Op.SHUTDOWN, { flags: Shutdown.RECEIVE });
    connection.send([new Uint8Array(10)], (isTaken) => outcomes.push(isTaken));
    expect(outcomes).toEqual([false, false]);
  });
});

describe('a connection that the host closes', () => {
  it('sends a full shutdown, waits for the RST, and drops what still comes', () => {
    const { connection, events, receive, takeAll, timers } = setUpOpen();
    connection.abandon();
    expect(takeAll()).toEqual([{ op: Op.SHUTDOWN, flags: Shutdown.BOTH, length: 0 }]);
    receive(Op.RW, { length: 10 });
    receive(Op.CREDIT_REQUEST);
    expect(takeAll()).toEqual([]);
    receive(Op.RST);
    expect(events).toEqual(['opened', 'finished']);
    expect(timers.size).toBe(0);
  });

  it('is reset when the guest does not confirm in time', () => {
    const { connection, events, takeAll, expire } = setUpOpen();
    connection.abandon();
    takeAll();
    expire();
    expect(events.at(-1)).toBe('finished, reset');
  });

  it('is confirmed when the guest closes at the same time', () => {
    const { connection, events, receive, takeAll } = setUpOpen();
    receive(Op.SHUTDOWN, { flags: Shutdown.SEND });
    connection.abandon();
    takeAll();
    receive(Op.SHUTDOWN, { flags: Shutdown.RECEIVE });
    expect(events.at(-1)).toBe('finished, reset');
  });

  it('is reset where bytes are lost by it', () => {
    const unread = setUpOpen();
    unread.receive(Op.RW, { length: 10 });
    unread.connection.abandon();
    expect(unread.events.at(-1)).toBe('finished, reset');
    const unsent = setUpOpen();
    unsent.connection.send([new Uint8Array(10)], () => {});
    unsent.connection.abandon();
    expect(unsent.events.at(-1)).toBe('finished, reset');
  });
});

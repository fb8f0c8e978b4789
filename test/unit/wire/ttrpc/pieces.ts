/** Cuts bytes and streams at given places, for tests that show that the cuts make no difference. */
import { Duplex, duplexPair } from 'node:stream';

/** Cuts `bytes` into pieces whose lengths come from `sizes`, over and over. */
export function cut(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let offset = 0, index = 0; offset < bytes.length; index += 1) {
    const size = Math.max(1, sizes[index % Math.max(1, sizes.length)] ?? bytes.length);
    pieces.push(bytes.subarray(offset, offset + size));
    offset += size;
  }
  return pieces;
}

/** One end of a connection whose readable side yields what `end` does, cut into pieces. */
function recut(end: Duplex, sizes: readonly number[]): Duplex {
  const stream = new Duplex({
    read: () => {},
    // As with a socket, what is sent is sent. The end of a pair would wait for the peer to read it, even for a dead one.
    write: (chunk: Uint8Array, _encoding, done) => {
      end.write(chunk);
      done();
    },
    final: (done) => {
      end.end();
      done();
    },
    destroy: (error, done) => {
      end.destroy();
      done(error);
    },
  });
  end.on('data', (chunk: Uint8Array) => {
    for (const piece of cut(chunk, sizes)) stream.push(piece);
  });
  end.on('end', () => stream.push(null));
  return stream;
}

/** A connection of two ends; each end sees the other's bytes cut by `sizes`. */
export function cutPair(sizes: readonly number[]): [Duplex, Duplex] {
  const [left, right] = duplexPair();
  return [recut(left, sizes), recut(right, sizes)];
}

/** Lets everything that is ready to run, run: the streams of a pair hand over in a few turns of the event loop. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

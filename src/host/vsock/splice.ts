/** A client's socket and a guest's stream as one: what comes out of each goes into the other. */
import type { Duplex } from 'node:stream';

/** True where the stream closed before both of its directions had ended. */
function wasCut(stream: Duplex): boolean {
  return !stream.readableEnded || !stream.writableFinished;
}

/**
 * Joins a client and the guest. The end of one direction goes over as the end of that direction only; back-pressure goes
 * over; where one side is cut, so is the other.
 */
export function splice(client: Duplex, guest: Duplex): void {
  client.pipe(guest);
  guest.pipe(client);
  client.on('error', () => {});
  client.once('close', () => {
    if (wasCut(client)) guest.destroy();
  });
  guest.once('close', () => {
    if (!wasCut(guest)) return;
    // What the guest sent before it went may still be in the client's buffer; nothing is worth sending to the guest.
    client.unpipe(guest);
    client.end(() => client.destroy());
  });
}

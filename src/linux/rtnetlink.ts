/** The tables of links, addresses, routes and neighbours of this thread's network namespace. */
import { NLM_F_CREATE, NLM_F_EXCL, NLM_F_REPLACE } from './netlink.ts';
import { decodeAddress, encodeAddress, encodeAddressQuery, type LinkAddress } from './rtnetlink-address.ts';
import { decodeLink, encodeLinkChange, encodeLinkQuery, type Link, type LinkChange } from './rtnetlink-link.ts';
import { decodeNeighbor, encodeNeighbor, encodeNeighborQuery, type Neighbor } from './rtnetlink-neighbor.ts';
import {
  decodeRoute,
  encodeAgain,
  encodeRoute,
  encodeRouteQuery,
  type FoundRoute,
  type Route,
} from './rtnetlink-route.ts';
import { RtnetlinkSocket } from './rtnetlink-socket.ts';

// linux/rtnetlink.h
const RTM_GETLINK = 18;
const RTM_SETLINK = 19;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_GETADDR = 22;
const RTM_NEWROUTE = 24;
const RTM_DELROUTE = 25;
const RTM_GETROUTE = 26;
const RTM_NEWNEIGH = 28;
const RTM_DELNEIGH = 29;
const RTM_GETNEIGH = 30;

/**
 * Opens a socket for the time of `use`. Everything inside is one piece of synchronous work: nothing else of this
 * process comes in between.
 */
export function withRtnetlink<T>(use: (tables: Rtnetlink) => T): T {
  const socket = new RtnetlinkSocket();
  try {
    return use(new Rtnetlink(socket));
  } finally {
    socket.close();
  }
}

/**
 * Reads and changes the tables. Every method throws KataError ERR_SYSCALL with the kernel's errno; the `what` of those
 * that change something names it in the message.
 */
export class Rtnetlink {
  readonly #socket: RtnetlinkSocket;

  constructor(socket: RtnetlinkSocket) {
    this.#socket = socket;
  }

  /** All links, in the order of their indices. */
  links(): Link[] {
    return this.#socket.dump(RTM_GETLINK, encodeLinkQuery(), 'list links').map(decodeLink);
  }

  /** Changes a link. */
  setLink(index: number, change: LinkChange, what: string): void {
    this.#socket.change(RTM_SETLINK, 0, encodeLinkChange(index, change), what);
  }

  /** All IPv4 and IPv6 addresses. */
  addresses(): LinkAddress[] {
    return this.#socket
      .dump(RTM_GETADDR, encodeAddressQuery(), 'list addresses')
      .flatMap((payload) => decodeAddress(payload) ?? []);
  }

  /** Adds an address; one that the link has already gets the new flags. */
  replaceAddress(address: LinkAddress, what: string): void {
    this.#socket.change(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, encodeAddress(address), what);
  }

  /** Removes an address. */
  deleteAddress(address: LinkAddress, what: string): void {
    this.#socket.change(RTM_DELADDR, 0, encodeAddress(address), what);
  }

  /** All routes of a family, in all tables. */
  routes(family: number): FoundRoute[] {
    const routes = this.#socket.dump(RTM_GETROUTE, encodeRouteQuery(family), 'list routes').map(decodeRoute);
    // A kernel without the family answers with those of all others.
    return routes.filter((route) => route.family === family);
  }

  /** Adds a route, in the place of the one with the same destination, metric and type of service. */
  replaceRoute(route: Route, what: string): void {
    this.#socket.change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, encodeRoute(route), what);
  }

  /** Puts a route back that was there before, in the place of what has its destination now. */
  restoreRoute(route: FoundRoute, what: string): void {
    this.#socket.change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE, encodeAgain(route), what);
  }

  /** Puts a route back that was there before. Throws EEXIST where its destination has another one now. */
  addRouteAgain(route: FoundRoute, what: string): void {
    this.#socket.change(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, encodeAgain(route), what);
  }

  /** Removes a route. */
  deleteRoute(route: Route, what: string): void {
    this.#socket.change(RTM_DELROUTE, 0, encodeRoute(route), what);
  }

  /** All neighbours that the kernel knows. */
  neighbors(): Neighbor[] {
    return this.#socket
      .dump(RTM_GETNEIGH, encodeNeighborQuery(), 'list neighbours')
      .flatMap((payload) => decodeNeighbor(payload) ?? []);
  }

  /** Adds a neighbour, in the place of an entry for the same address. */
  replaceNeighbor(neighbor: Neighbor, what: string): void {
    this.#socket.change(RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, encodeNeighbor(neighbor), what);
  }

  /** Removes a neighbour. */
  deleteNeighbor(neighbor: Neighbor, what: string): void {
    this.#socket.change(RTM_DELNEIGH, 0, encodeNeighbor(neighbor), what);
  }
}

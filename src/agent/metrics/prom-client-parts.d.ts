/**
 * The parts of prom-client that are used, each by its own file. Its main file loads clients of HTTP and of clusters too,
 * for which an emulated guest would stand still for seconds.
 */

declare module 'prom-client/lib/registry.js' {
  import { Registry } from 'prom-client';
  export = Registry;
}

declare module 'prom-client/lib/counter.js' {
  import { Counter } from 'prom-client';
  export = Counter;
}

declare module 'prom-client/lib/gauge.js' {
  import { Gauge } from 'prom-client';
  export = Gauge;
}

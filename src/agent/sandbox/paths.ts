/** Directories of the agent. */

/** What the agent keeps for its sandbox; a container's bundle is the directory of its id in it. */
export const BASE = '/run/kata-containers';

/** What the host shares with the guest, or copies into it: root file systems and volumes. */
export const SHARED = `${BASE}/shared/containers`;

/** Where the namespaces that containers share are pinned. */
export const NAMESPACES = '/run/sandbox-ns';

/** State of the runtime. */
export const CRUN_ROOT = '/run/crun';

/** Where processes wait that are about to be started in a container; for the agent alone. */
export const EXEC_GATES = '/run/kata-exec-gates';

/** Rules about connections and their syncs. */

import type { Connection, Sync } from "../api/types";
import { LOCAL_PROVIDER_LABELS } from "../format/labels";

export function isManual(connection: Connection | undefined): boolean {
  return connection?.provider === "manual";
}

/** Whether its balances come from files or from the keyboard, and never from a provider. */
function isLocal(connection: Connection | undefined): boolean {
  return connection !== undefined && connection.provider in LOCAL_PROVIDER_LABELS;
}

/** Whether a provider sends the balances, so that none may be typed beside them. */
export function isSyncedByProvider(connection: Connection | undefined): boolean {
  return connection !== undefined && !isLocal(connection) && connection.state !== "disconnected";
}

/** Whether a sync can be retracted: an import or a typed balance can, the sync of a provider cannot. */
export function isRetractable(sync: Sync, connection: Connection | undefined): boolean {
  // Files are also imported under a disconnected provider. An import ends at the instant at which it
  // began, since it is one transaction; the sync of a provider is two.
  const isOfUser = isLocal(connection) || sync.finished_at === sync.started_at;
  return isOfUser && sync.retracted_at === null && sync.recorded > 0;
}

/** Whether a retractable sync is a balance that was typed, and not a file. */
export function isTyped(sync: Sync, connection: Connection | undefined): boolean {
  return isManual(connection) || sync.source === "manual_sync";
}

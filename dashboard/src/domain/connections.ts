/** Rules about connections and their syncs. */

import type { Connection, Sync } from "../api/types";
import { LOCAL_PROVIDER_LABELS } from "../format/labels";

// The balances of a provider stay as recorded; imports and typed balances can be wrong.
const RETRACTABLE_SOURCES: readonly Sync["source"][] = [
  "initial_connection",
  "account_sync",
  "holdings_sync",
  "manual_sync",
];

export function isManual(connection: Connection | undefined): boolean {
  return connection?.provider === "manual";
}

/** Whether a provider sends the balances, so that none may be typed beside them. */
export function isSyncedByProvider(connection: Connection | undefined): boolean {
  return (
    connection !== undefined &&
    !(connection.provider in LOCAL_PROVIDER_LABELS) &&
    connection.state !== "disconnected"
  );
}

export function isRetractable(sync: Sync): boolean {
  return sync.retracted_at === null && sync.recorded > 0 && RETRACTABLE_SOURCES.includes(sync.source);
}

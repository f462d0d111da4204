/** When a balance has been without news for longer than its source leads one to expect. */

import type { SnapshotSource } from "../api/types";

const DAY_MS = 86_400_000;
const MAX_AGE_DAYS: Record<SnapshotSource, number> = {
  initial_connection: 45,
  manual_sync: 45,
  account_sync: 45,
  holdings_sync: 45,
  scheduled_sync: 3,
};

export function isStale(
  { captured_at: capturedAt, source }: { captured_at: string; source: SnapshotSource },
  now: number = Date.now(),
): boolean {
  return now - Date.parse(capturedAt) > MAX_AGE_DAYS[source] * DAY_MS;
}

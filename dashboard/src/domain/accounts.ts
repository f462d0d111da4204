/** Rules about accounts and their balances. */

import type { Account, Snapshot, SnapshotSource } from "../api/types";
import { DAY_MS } from "./calendar";

const LIABILITY_TYPES: readonly Account["account_type"][] = ["credit_card", "line_of_credit", "loan", "mortgage"];

// Statements come by the month, and the scheduler syncs daily.
const MAX_AGE_DAYS: Record<SnapshotSource, number> = {
  initial_connection: 45,
  manual_sync: 45,
  account_sync: 45,
  holdings_sync: 45,
  scheduled_sync: 3,
};

export function isLiability(account: Account): boolean {
  return LIABILITY_TYPES.includes(account.account_type);
}

/** Whether the balance is older than its source leads one to expect. */
export function isStale({ captured_at: capturedAt, source }: Snapshot, now: number = Date.now()): boolean {
  return now - Date.parse(capturedAt) > MAX_AGE_DAYS[source] * DAY_MS;
}

/** A history as CSV, with every digit of the API's text. */

import type { Snapshot, SnapshotHistory } from "../api/types";
import { isDay } from "../domain/snapshot-time";

const COLUMNS = [
  "captured_at",
  "balance",
  "currency",
  "change_amount",
  "change_percent",
  "available_balance",
  "holdings_value",
  "cash_value",
  "source",
  "created_at",
] as const;

export function historyToCsv(history: SnapshotHistory): Blob {
  const rows = history.snapshots.map((snapshot) =>
    COLUMNS.map((column) => (column === "captured_at" ? timeText(snapshot) : (snapshot[column] ?? ""))).join(","),
  );
  return new Blob([[COLUMNS.join(","), ...rows, ""].join("\r\n")], { type: "text/csv" });
}

// An import of the file finds days as days.
function timeText(snapshot: Snapshot): string {
  return isDay(snapshot) ? snapshot.captured_at.slice(0, 10) : snapshot.captured_at;
}

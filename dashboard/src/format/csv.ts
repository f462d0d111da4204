/** A history as CSV, with every digit of the API's text. */

import type { SnapshotHistory } from "../api/types";

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
    COLUMNS.map((column) => snapshot[column] ?? "").join(","),
  );
  return new Blob([[COLUMNS.join(","), ...rows, ""].join("\r\n")], { type: "text/csv" });
}

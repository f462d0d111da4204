import { describe, expect, test } from "vitest";

import type { Connection, Snapshot } from "../api/types";
import { describeOrigin, describeRhythm } from "./labels";

type Evidence = NonNullable<Snapshot["evidence"]>;

function snapshot(basis: Evidence["basis"], precision: Evidence["precision"], source: Snapshot["source"]): Snapshot {
  return {
    captured_at: "2025-10-31T12:00:00Z",
    source,
    evidence: { basis, precision, as_of: null, sync_id: "" },
  } as Snapshot;
}
const from = (provider: string): Connection => ({ provider }) as Connection;

test("a rhythm has its usual words", () => {
  expect([0, 1, 7, 10, 30].map(describeRhythm)).toEqual([
    "several times a day",
    "daily",
    "weekly",
    "every 10 days",
    "monthly",
  ]);
});

describe("the origin of a balance", () => {
  const statement = snapshot("reported", "day", "initial_connection");

  test("is the statement, the file or the provider that reported it", () => {
    expect(describeOrigin(statement, from("ofx"))).toBe("Imported from statement of Oct 31, 2025");
    expect(describeOrigin(statement, from("balance_csv"))).toBe("Imported from a CSV file");
    expect(describeOrigin(statement, from("coda"))).toBe("Imported from statement of Oct 31, 2025");
    expect(describeOrigin(statement, from("workbook"))).toBe("Imported from a spreadsheet");
    expect(describeOrigin(statement, from("simplefin"))).toBe("From the provider's history");
    expect(describeOrigin(statement)).toBe("Imported");
  });

  test("is the sync that observed it, with its time", () => {
    expect(describeOrigin(snapshot("observed", "instant", "initial_connection"))).toMatch(/^First sync \d+:\d\d/);
    expect(describeOrigin(snapshot("observed", "instant", "scheduled_sync"))).toMatch(/^Synced \d+:\d\d/);
  });

  test("is the owner", () => {
    expect(describeOrigin(snapshot("entered", "day", "initial_connection"))).toBe("Typed");
  });
});

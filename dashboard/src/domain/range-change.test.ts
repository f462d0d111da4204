import { expect, test } from "vitest";

import type { CoverageEvent } from "../api/types";
import { changeWithout, eventsBetween } from "./range-change";

const event = (at: string, kind: CoverageEvent["kind"], balance: string): CoverageEvent => ({
  at,
  kind,
  balance,
  account_id: "",
});
const linked = event("2025-03-15T10:00:00Z", "begins", "25000.00");
const closed = event("2025-03-20T12:00:00Z", "ends", "-150.00");

test("an account that begins or ends is no change", () => {
  expect(changeWithout([linked, closed], "800.00", "26130.50")).toEqual({ amount: "180.50", percent: null });
  expect(changeWithout([], "800.00", "1000.00")).toEqual({ amount: "200.00", percent: "25.00" });
});

test("an event belongs to the first point that is not before it", () => {
  const until = "2025-03-15T23:59:59.999999Z";
  expect(eventsBetween([linked, closed], "2025-03-14T23:59:59.999999Z", until)).toEqual([linked]);
  expect(eventsBetween([linked, closed], undefined, closed.at)).toEqual([linked, closed]);
  expect(eventsBetween([linked, closed], closed.at, "2025-03-31T00:00:00Z")).toEqual([]);
});

import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";

import type { TimedSnapshot } from "./snapshot-time";

const ZONES = ["Pacific/Auckland", "Pacific/Kiritimati", "America/Los_Angeles", "Etc/GMT+12"];
const own = process.env.TZ;

const timed = (capturedAt: string, precision: "day" | "instant"): TimedSnapshot => ({
  captured_at: capturedAt,
  evidence: {
    basis: "reported",
    precision,
    as_of: null,
    sync_id: "0199c1de-5c1f-7a32-8e0b-6d5f3b0c9a44",
    supersedes: null,
    superseded_at: null,
    retracted_at: null,
    hold: null,
  },
});
const DAY = timed("2026-03-05T12:00:00Z", "day");

describe.each(ZONES)("the fifth of March in %s", (zone) => {
  beforeEach(() => {
    // The formats take the zone when their module is loaded.
    process.env.TZ = zone;
    vi.resetModules();
  });
  afterEach(() => {
    process.env.TZ = own;
  });

  test("is on the fifth of the axis, also in winter and summer time", async () => {
    const { toIsoDate } = await import("./calendar");
    const { likelyPlaceOf, placeOf } = await import("./snapshot-time");
    for (const month of ["01", "03", "07", "10"]) {
      expect(toIsoDate(placeOf(timed(`2026-${month}-05T12:00:00Z`, "day")))).toBe(`2026-${month}-05`);
      expect(toIsoDate(likelyPlaceOf(`2026-${month}-05T12:00:00Z`))).toBe(`2026-${month}-05`);
    }
  });

  test("is written as the fifth, without a time", async () => {
    const { formatDate, formatSnapshotDay, formatSnapshotTime } = await import("../format/dates");
    const fifth = formatDate(new Date(2026, 2, 5, 9));
    expect([formatSnapshotDay(DAY), formatSnapshotTime(DAY)]).toEqual([fifth, fifth]);
    expect(formatSnapshotTime(timed("2026-03-05T12:00:00Z", "instant"))).not.toBe(fifth);
  });

  test("is never minutes or hours old, nor in hours to come", async () => {
    const { formatSnapshotAge } = await import("../format/dates");
    const ages = [4, 5, 6].map((day) => [1, 13, 23].map((hour) => formatSnapshotAge(DAY, new Date(2026, 2, day, hour))));
    expect(ages.map((ofDay) => [...new Set(ofDay)])).toEqual([["tomorrow"], ["today"], ["yesterday"]]);
  });

  test("has its place among the points of a chart in the order of time", async () => {
    const { toPoints } = await import("../chart/points");
    const snapshot = (time: TimedSnapshot): Parameters<typeof toPoints>[0][number] => ({
      ...time,
      id: "",
      account_id: "",
      balance: "1.00",
      available_balance: null,
      holdings_value: null,
      cash_value: null,
      currency: "USD",
      source: "account_sync",
      created_at: time.captured_at,
      change_amount: null,
      change_percent: null,
    });
    const points = toPoints([snapshot(timed("2026-03-05T11:00:00Z", "instant")), snapshot(DAY)]);
    expect(points[0]!.time).toBeLessThan(points[1]!.time);
    expect(points.find((point) => point.isDay)!.time).toBeGreaterThanOrEqual(new Date(2026, 2, 5).getTime() / 1000);
  });
});

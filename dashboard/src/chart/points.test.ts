import { describe, expect, it } from "vitest";

import { gapThreshold, toPoint } from "./points";

const DAY_S = 86_400;

function pointsOn(days: readonly number[]): ReturnType<typeof toPoint>[] {
  return days.map((day) => toPoint(new Date(Date.UTC(2022, 0, 1 + day)).toISOString(), "1.00"));
}

describe("a gap in the line", () => {
  it("is longer than a stretch that a thinned history leaves out", () => {
    const days = 1_750;
    const thinned = Array.from({ length: days / 10 }, (_, bucket) => [0, 1, 2, 9].map((day) => bucket * 10 + day));
    expect(gapThreshold(pointsOn(thinned.flat()), false)).toBeGreaterThanOrEqual(7 * DAY_S);
  });

  it("is where a source was silent for much longer than usual", () => {
    expect(gapThreshold(pointsOn([0, 1, 2, 3, 4, 30, 31]), false)).toBeLessThan(26 * DAY_S);
  });

  it("is nowhere in a stepped line", () => {
    expect(gapThreshold(pointsOn([0, 1, 2, 300]), true)).toBe(Number.POSITIVE_INFINITY);
  });
});

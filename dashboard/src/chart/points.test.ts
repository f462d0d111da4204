import { describe, expect, it } from "vitest";

import { shiftYears } from "../domain/calendar";
import { customRange, presetRange } from "../domain/time-range";
import { earlierAt, gapThreshold, shiftPoints, toPlotData, toPoint, visibleRange, withCarried } from "./points";

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

describe("a carried balance", () => {
  const range = customRange("2022-01-03", "2022-01-09");
  const style = { isStepped: false, isStacked: false };

  it("is the line of a range in which nothing was recorded", () => {
    const points = withCarried([], { opening: "5.00", closing: "5.00" }, range);
    expect(points.map((point) => [point.time, point.balance])).toEqual([
      [range.start.getTime() / 1000, "5.00"],
      [Math.floor(range.end.getTime()) / 1000, "5.00"],
    ]);
    expect(toPlotData(points, undefined, style).at(-1)).toEqual([5, 5]);
  });

  it("leads to the first recorded one, and from the last", () => {
    const points = withCarried(pointsOn([3, 4]), { opening: "7.00", closing: "1.00" }, range);
    expect(points.map((point) => point.isCarried)).toEqual([true, false, false, true]);
    const [times, recorded, carried] = toPlotData(points, undefined, style);
    const shown = (values: ArrayLike<unknown> | undefined): unknown[] =>
      Array.from(times!, (_, index) => values?.[index] ?? null);
    expect(shown(recorded)).toEqual([null, 1, null, 1, null]);
    expect(shown(carried)).toEqual([7, 1, null, 1, 1]);
  });

  it("is none before the first of all, nor after a closing", () => {
    const recorded = pointsOn([3, 4]);
    expect(withCarried(recorded, { opening: null, closing: null }, range)).toEqual(recorded);
  });
});

describe("the point a year earlier", () => {
  it("is that of the same day, also while the balance of today has its noon to come", () => {
    const today = new Date(Date.now() + 5 * 3_600_000);
    const days = [1, 0].map((back) => new Date(shiftYears(today, -1).getTime() - back * DAY_S * 1000).toISOString());
    const earlier = shiftPoints(days.map((at, index) => toPoint(at, `${index}.00`)), 1);
    expect(earlierAt(earlier, toPoint(today.toISOString(), "9.00"))?.balance).toBe("1.00");
    expect(earlierAt(earlier.slice(1), toPoint(new Date().toISOString(), "9.00"))).toBeUndefined();
  });
});

describe("the visible range", () => {
  const minutesFromNow = (minutes: number): Date => new Date(Date.now() + minutes * 60_000);

  it("shows the total of today, although its day has not ended", () => {
    const points = [-2 * 1440, 300].map((minutes) => toPoint(minutesFromNow(minutes).toISOString(), "1.00"));
    const { end } = visibleRange(points, presetRange("1Y"));
    expect(points.at(-1)!.time * 1000).toBeLessThanOrEqual(end.getTime());
    expect(end.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it("is an hour long at the least, and ends before the future", () => {
    const points = [-10, -5].map((minutes) => toPoint(minutesFromNow(minutes).toISOString(), "1.00"));
    const { start, end } = visibleRange(points, presetRange("1D"));
    expect(end.getTime() - start.getTime()).toBe(3_600_000);
    expect(end.getTime()).toBeLessThanOrEqual(Date.now());
  });

  it("ends with the chosen range where that is past", () => {
    const range = customRange("2022-01-01", "2022-01-31");
    expect(visibleRange(pointsOn([0, 1, 2]), range).end).toEqual(range.end);
  });
});

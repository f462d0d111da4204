import { describe, expect, test } from "vitest";

import { typedTime } from "../format/dates";
import { shiftYears, toIsoDate } from "./calendar";
import { adjacentRange, customRange, lengthInDays, presetRange, yearEarlier, type RangePreset } from "./time-range";

const NOW = new Date(2024, 2, 31, 12, 30, 20);

describe("a preset", () => {
  test.each<[RangePreset, string]>([
    ["1D", "2024-03-30"],
    ["1W", "2024-03-24"],
    ["1M", "2024-02-29"],
    ["3M", "2023-12-31"],
    ["YTD", "2024-01-01"],
    ["1Y", "2023-03-31"],
    ["5Y", "2019-03-31"],
  ])("%s of 31 March 2024 begins on %s", (preset, start) => {
    expect(toIsoDate(presetRange(preset, NOW).start)).toBe(start);
  });

  test("ends with the minute", () => {
    expect(presetRange("1M", NOW).end).toEqual(new Date(2024, 2, 31, 12, 31));
  });
});

describe("a range of dates", () => {
  const february = customRange("2024-02-01", "2024-02-29");

  test("has both of its days", () => {
    expect(lengthInDays(february)).toBeCloseTo(29, 3);
  });

  test("ends on the last of February in the year before a leap year", () => {
    expect(toIsoDate(yearEarlier(february).end)).toBe("2023-02-28");
  });

  test("has the whole of its last day a year earlier", () => {
    const thisYear = presetRange("YTD", NOW);
    const { end } = yearEarlier(thisYear);
    expect([toIsoDate(end), end.getHours(), end.getMinutes()]).toEqual([toIsoDate(shiftYears(NOW, -1)), 23, 59]);
  });

  test("lies after the range before it", () => {
    expect(adjacentRange(february, -1).end).toEqual(february.start);
  });
});

describe("the time of a typed balance", () => {
  const now = new Date("2026-03-05T21:00:00Z");

  test("is its day, also where UTC is not there yet", () => {
    expect(typedTime("2026-03-05", null, now)).toEqual({ captured_at: "2026-03-05" });
    expect(typedTime("2026-03-06", "Australia/Sydney", now)).toEqual({ captured_at: "2026-03-06" });
  });

  test("is the present where the API knows no zone in which the day has begun", () => {
    expect(typedTime("2026-03-06", null, now)).toEqual({});
  });
});

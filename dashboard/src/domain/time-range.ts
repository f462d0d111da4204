/** Ranges of time: the presets, and those that the reader chooses. */

import { DAY_MS, EARLIEST, endOfDay, shiftYears, startOfDay } from "./calendar";

export const RANGE_PRESETS = ["1D", "1W", "1M", "3M", "YTD", "1Y", "5Y", "ALL"] as const;
export type RangePreset = (typeof RANGE_PRESETS)[number];

/** Both ends included. `preset` is null where the reader chose the ends. */
export interface TimeRange {
  readonly preset: RangePreset | null;
  readonly start: Date;
  readonly end: Date;
}

/** Return the preset's range up to now, rounded up to a minute. */
export function presetRange(preset: RangePreset, now: Date = new Date()): TimeRange {
  const end = new Date(Math.ceil(now.getTime() / 60_000) * 60_000);
  return { preset, start: presetStart(preset, end), end };
}

function presetStart(preset: RangePreset, end: Date): Date {
  const before = (years: number, months: number, days: number): Date =>
    clampToMonth(end.getFullYear() - years, end.getMonth() - months, end.getDate() - days, end.getDate());
  switch (preset) {
    case "1D":
      return new Date(end.getTime() - DAY_MS);
    case "1W":
      return before(0, 0, 7);
    case "1M":
      return before(0, 1, 0);
    case "3M":
      return before(0, 3, 0);
    case "YTD":
      return new Date(end.getFullYear(), 0, 1);
    case "1Y":
      return before(1, 0, 0);
    case "5Y":
      return before(5, 0, 0);
    case "ALL":
      return EARLIEST;
  }
}

// A month before 31 March is the last day of February, not 3 March.
function clampToMonth(year: number, month: number, day: number, dayOfMonth: number): Date {
  const lastDay = new Date(year, month + 1, 0).getDate();
  return new Date(year, month, day === dayOfMonth ? Math.min(day, lastDay) : day);
}

/** Return the range from the start of one day to the end of another; both are YYYY-MM-DD. */
export function customRange(from: string, to: string): TimeRange {
  return { preset: null, start: startOfDay(from), end: endOfDay(to) };
}

export function yearEarlier({ start, end }: TimeRange): TimeRange {
  return { preset: null, start: shiftYears(start, -1), end: shiftYears(end, -1) };
}

/** Return the range of the same length before (-1) or after (1) this one; it ends now at the latest. */
export function adjacentRange({ start, end }: TimeRange, direction: -1 | 1): TimeRange {
  const length = end.getTime() - start.getTime();
  const latest = presetRange("1D").end.getTime();
  const to = Math.min(end.getTime() + direction * length, latest);
  return { preset: null, start: new Date(to - length), end: new Date(to) };
}

export function lengthInDays({ start, end }: TimeRange): number {
  return (end.getTime() - start.getTime()) / DAY_MS;
}

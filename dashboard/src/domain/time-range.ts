/** Ranges of time: the presets, and those that the reader chooses. */

import { DAY_MS, EARLIEST, endOfDay, shiftYears, startOfDay, toIsoDate } from "./calendar";

export const RANGE_PRESETS = ["1D", "1W", "1M", "3M", "YTD", "1Y", "5Y", "ALL"] as const;
export type RangePreset = (typeof RANGE_PRESETS)[number];

/** Both ends included. `preset` is null where the reader chose the ends. */
export interface TimeRange {
  readonly preset: RangePreset | null;
  readonly start: Date;
  readonly end: Date;
}

/** Years, months and days before the end. */
const STEPS_BACK = {
  "1W": [0, 0, 7],
  "1M": [0, 1, 0],
  "3M": [0, 3, 0],
  "1Y": [1, 0, 0],
  "5Y": [5, 0, 0],
} as const;

/** Return the preset's range up to now, rounded up to a minute. */
export function presetRange(preset: RangePreset, now: Date = new Date()): TimeRange {
  const end = new Date(Math.ceil(now.getTime() / 60_000) * 60_000);
  return { preset, start: presetStart(preset, end), end };
}

function presetStart(preset: RangePreset, end: Date): Date {
  if (preset === "ALL") return EARLIEST;
  if (preset === "YTD") return new Date(end.getFullYear(), 0, 1);
  if (preset === "1D") return new Date(end.getTime() - DAY_MS);
  const [years, months, days] = STEPS_BACK[preset];
  const year = end.getFullYear() - years;
  const month = end.getMonth() - months;
  const day = end.getDate() - days;
  // A month before 31 March is the last day of February, not 3 March.
  const lastDay = new Date(year, month + 1, 0).getDate();
  return new Date(year, month, days === 0 ? Math.min(day, lastDay) : day);
}

/** Return the range from the start of one day to the end of another; both are YYYY-MM-DD. */
export function customRange(from: string, to: string): TimeRange {
  return { preset: null, start: startOfDay(from), end: endOfDay(to) };
}

/** Return the range a year earlier, with the whole of its last day: a day's balance has its noon to come. */
export function yearEarlier({ start, end }: TimeRange): TimeRange {
  return { preset: null, start: shiftYears(start, -1), end: endOfDay(toIsoDate(shiftYears(end, -1))) };
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

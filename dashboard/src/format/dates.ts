/** Instants and spans of time, in the reader's own calendar. */

import { locale } from "../preferences";

export const RANGE_PRESETS = ["1D", "1W", "1M", "3M", "YTD", "1Y", "5Y", "ALL"] as const;
export type RangePreset = (typeof RANGE_PRESETS)[number];

/** Both ends included. `name` is null for a range of the reader's own. */
export interface TimeRange {
  readonly preset: RangePreset | null;
  readonly start: Date;
  readonly end: Date;
}

export const RANGE_LABELS: Record<RangePreset, string> = {
  "1D": "one day",
  "1W": "one week",
  "1M": "one month",
  "3M": "three months",
  YTD: "this year so far",
  "1Y": "one year",
  "5Y": "five years",
  ALL: "everything",
};

const DAY_MS = 86_400_000;
const EARLIEST = new Date("1900-01-01T00:00:00Z");

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

// A month ago of 31 March is the last of February, not 3 March.
function clampToMonth(year: number, month: number, day: number, dayOfMonth: number): Date {
  const date = new Date(year, month, day);
  const lastDay = new Date(year, month + 1, 0).getDate();
  return day === dayOfMonth && day > lastDay ? new Date(year, month, lastDay) : date;
}

export function customRange(from: string, to: string): TimeRange {
  return { preset: null, start: startOfDay(from), end: endOfDay(to) };
}

/** The same stretch of the calendar a year before. */
export function yearEarlier({ start, end }: TimeRange): TimeRange {
  return { preset: null, start: shiftYears(start, -1), end: shiftYears(end, -1) };
}

export function shiftYears(instant: Date, years: number): Date {
  const shifted = new Date(instant);
  shifted.setFullYear(shifted.getFullYear() + years);
  // 29 February has no namesake: its neighbour is the day before.
  if (shifted.getMonth() !== instant.getMonth()) shifted.setDate(0);
  return shifted;
}

/** The stretch beside this one, of the same length; never beyond now. */
export function adjacentRange({ start, end }: TimeRange, direction: -1 | 1): TimeRange {
  const length = end.getTime() - start.getTime();
  const latest = presetRange("1D").end.getTime();
  const to = Math.min(end.getTime() + direction * length, latest);
  return { preset: null, start: new Date(to - length), end: new Date(to) };
}

export function lengthInDays(range: { start: Date; end: Date }): number {
  return (range.end.getTime() - range.start.getTime()) / DAY_MS;
}

export function toIsoInstant(instant: Date): string {
  return instant.toISOString().replace(/\.000Z$/, "Z");
}

export function startOfDay(day: string): Date {
  return new Date(`${day}T00:00:00`);
}

export function endOfDay(day: string): Date {
  return new Date(`${day}T23:59:59`);
}

/** The day of an instant as a date field writes it. */
export function toIsoDate(instant: Date): string {
  const pad = (n: number): string => String(n).padStart(2, "0");
  return `${instant.getFullYear()}-${pad(instant.getMonth() + 1)}-${pad(instant.getDate())}`;
}

const dateFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const dateTimeFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const relativeFormat = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

export function formatDate(instant: Date | string): string {
  return dateFormat.format(new Date(instant));
}

export function formatDateTime(instant: Date | string): string {
  return dateTimeFormat.format(new Date(instant));
}

export function formatRelative(instant: Date | string, now: Date = new Date()): string {
  const then = new Date(instant);
  const seconds = (then.getTime() - now.getTime()) / 1000;
  const calendarDays = Math.round(
    (startOfDay(toIsoDate(then)).getTime() - startOfDay(toIsoDate(now)).getTime()) / DAY_MS,
  );
  if (Math.abs(seconds) < 90) return relativeFormat.format(0, "second");
  if (Math.abs(seconds) < 5400) return relativeFormat.format(Math.round(seconds / 60), "minute");
  if (calendarDays === 0) return relativeFormat.format(Math.round(seconds / 3600), "hour");
  if (Math.abs(calendarDays) < 45) return relativeFormat.format(calendarDays, "day");
  if (Math.abs(calendarDays) < 548) return relativeFormat.format(Math.round(calendarDays / 30.44), "month");
  return relativeFormat.format(Math.round(calendarDays / 365.25), "year");
}

/** Instants and spans of time, in the reader's own calendar. */

import { locale } from "../preferences";

export const RANGES = ["1D", "1W", "1M", "3M", "YTD", "1Y", "5Y", "ALL"] as const;
export type RangeName = (typeof RANGES)[number];

/** Both ends included. `name` is null for a range of the reader's own. */
export interface Span {
  readonly name: RangeName | null;
  readonly start: Date;
  readonly end: Date;
}

export const RANGE_WORDS: Record<RangeName, string> = {
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
const BEGINNING = new Date("1900-01-01T00:00:00Z");

export function spanOf(name: RangeName, now: Date = new Date()): Span {
  const end = new Date(Math.ceil(now.getTime() / 60_000) * 60_000);
  return { name, start: startOf(name, end), end };
}

function startOf(name: RangeName, end: Date): Date {
  const at = (years: number, months: number, days: number): Date =>
    clamped(end.getFullYear() - years, end.getMonth() - months, end.getDate() - days, end.getDate());
  switch (name) {
    case "1D":
      return new Date(end.getTime() - DAY_MS);
    case "1W":
      return at(0, 0, 7);
    case "1M":
      return at(0, 1, 0);
    case "3M":
      return at(0, 3, 0);
    case "YTD":
      return new Date(end.getFullYear(), 0, 1);
    case "1Y":
      return at(1, 0, 0);
    case "5Y":
      return at(5, 0, 0);
    case "ALL":
      return BEGINNING;
  }
}

// A month ago of 31 March is the last of February, not 3 March.
function clamped(year: number, month: number, day: number, dayOfMonth: number): Date {
  const found = new Date(year, month, day);
  const last = new Date(year, month + 1, 0).getDate();
  return day === dayOfMonth && day > last ? new Date(year, month, last) : found;
}

export function customSpan(from: string, to: string): Span {
  return { name: null, start: startOfDay(from), end: endOfDay(to) };
}

/** The same stretch of the calendar a year before. */
export function aYearEarlier({ start, end }: Span): Span {
  return { name: null, start: shiftYears(start, -1), end: shiftYears(end, -1) };
}

export function shiftYears(instant: Date, years: number): Date {
  const shifted = new Date(instant);
  shifted.setFullYear(shifted.getFullYear() + years);
  // 29 February has no namesake: its neighbour is the day before.
  if (shifted.getMonth() !== instant.getMonth()) shifted.setDate(0);
  return shifted;
}

/** The stretch beside this one, of the same length; never beyond now. */
export function neighbour({ start, end }: Span, direction: -1 | 1): Span {
  const length = end.getTime() - start.getTime();
  const latest = spanOf("1D").end.getTime();
  const to = Math.min(end.getTime() + direction * length, latest);
  return { name: null, start: new Date(to - length), end: new Date(to) };
}

export function days(span: { start: Date; end: Date }): number {
  return (span.end.getTime() - span.start.getTime()) / DAY_MS;
}

export function wire(instant: Date): string {
  return instant.toISOString().replace(/\.000Z$/, "Z");
}

export function startOfDay(day: string): Date {
  return new Date(`${day}T00:00:00`);
}

export function endOfDay(day: string): Date {
  return new Date(`${day}T23:59:59`);
}

/** The day of an instant as a date field writes it. */
export function dayOf(instant: Date): string {
  const pad = (n: number): string => String(n).padStart(2, "0");
  return `${instant.getFullYear()}-${pad(instant.getMonth() + 1)}-${pad(instant.getDate())}`;
}

const dayFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium" });
const minuteFormat = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "short" });
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

export function showDay(instant: Date | string): string {
  return dayFormat.format(new Date(instant));
}

export function showMinute(instant: Date | string): string {
  return minuteFormat.format(new Date(instant));
}

export function showAgo(instant: Date | string, now: Date = new Date()): string {
  const then = new Date(instant);
  const seconds = (then.getTime() - now.getTime()) / 1000;
  const midnights = Math.round(
    (startOfDay(dayOf(then)).getTime() - startOfDay(dayOf(now)).getTime()) / DAY_MS,
  );
  if (Math.abs(seconds) < 90) return relative.format(0, "second");
  if (Math.abs(seconds) < 5400) return relative.format(Math.round(seconds / 60), "minute");
  if (midnights === 0) return relative.format(Math.round(seconds / 3600), "hour");
  if (Math.abs(midnights) < 45) return relative.format(midnights, "day");
  if (Math.abs(midnights) < 548) return relative.format(Math.round(midnights / 30.44), "month");
  return relative.format(Math.round(midnights / 365.25), "year");
}

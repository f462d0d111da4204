/** Dates and times in the reader's language and time zone. */

import { DAY_MS, DAY_S, startOfDay, toIsoDate } from "../domain/calendar";
import { isDay, isLikelyOfDay, likelyPlaceOf, placeOf, type TimedSnapshot } from "../domain/snapshot-time";
import { locale } from "./locale";

const format = (options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat =>
  new Intl.DateTimeFormat(locale, options);
const formats = {
  date: format({ dateStyle: "medium" }),
  dateTime: format({ dateStyle: "medium", timeStyle: "short" }),
  time: format({ hour: "numeric", minute: "2-digit" }),
  day: format({ day: "numeric", month: "short" }),
  month: format({ month: "short" }),
  monthOfYear: format({ month: "short", year: "numeric" }),
  year: format({ year: "numeric" }),
};
const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto" });

export function formatDate(instant: Date | string): string {
  return formats.date.format(new Date(instant));
}

export function formatDateTime(instant: Date | string): string {
  return formats.dateTime.format(new Date(instant));
}

/** Return the time of day of an instant. */
export function formatTime(instant: string): string {
  return formats.time.format(new Date(instant));
}

/** Return the day of a balance. */
export function formatSnapshotDay(snapshot: TimedSnapshot): string {
  return formatDate(placeOf(snapshot));
}

/** Return the day of a balance, with the time where it has one. */
export function formatSnapshotTime(snapshot: TimedSnapshot): string {
  return isDay(snapshot) ? formatSnapshotDay(snapshot) : formatDateTime(snapshot.captured_at);
}

/** Return the age of a balance; that of a day's balance is in days. */
export function formatSnapshotAge(snapshot: TimedSnapshot, now: Date = new Date()): string {
  const place = placeOf(snapshot);
  return isDay(snapshot) ? formatDays(daysBetween(now, place)) : formatRelative(place, now);
}

/** Return the age of a balance of unknown precision. */
export function formatLikelyAge(capturedAt: string): string {
  const place = likelyPlaceOf(capturedAt);
  return isLikelyOfDay(capturedAt) ? formatDays(daysBetween(new Date(), place)) : formatRelative(place);
}

export function formatRelative(instant: Date | string, now: Date = new Date()): string {
  const then = new Date(instant);
  const seconds = (then.getTime() - now.getTime()) / 1000;
  const days = daysBetween(now, then);
  if (Math.abs(seconds) < 90) return relative.format(0, "second");
  if (Math.abs(seconds) < 5400) return relative.format(Math.round(seconds / 60), "minute");
  return days === 0 ? relative.format(Math.round(seconds / 3600), "hour") : formatDays(days);
}

function daysBetween(from: Date, to: Date): number {
  return Math.round((startOfDay(toIsoDate(to)).getTime() - startOfDay(toIsoDate(from)).getTime()) / DAY_MS);
}

function formatDays(days: number): string {
  if (Math.abs(days) < 45) return relative.format(days, "day");
  if (Math.abs(days) < 548) return relative.format(Math.round(days / 30.44), "month");
  return relative.format(Math.round(days / 365.25), "year");
}

/** Return the time of a typed balance as the API takes it: its day, nothing where the API's today is earlier. */
export function typedTime(
  day: string,
  userZone: string | null | undefined,
  now: Date = new Date(),
): { captured_at?: string } {
  const zones = ["UTC", userZone ?? "UTC"];
  // This locale writes YYYY-MM-DD.
  const isToday = zones.some((timeZone) => day <= new Intl.DateTimeFormat("en-CA", { timeZone }).format(now));
  return isToday ? { captured_at: day } : {};
}

/** Return the labels of a time axis: its ticks in seconds of the epoch, and the seconds between them. */
export function formatTimeTicks(ticks: readonly number[], increment: number): string[] {
  return ticks.map((tick, index) => {
    const date = new Date(tick * 1000);
    if (increment < DAY_S) {
      return (date.getHours() + date.getMinutes() === 0 ? formats.day : formats.time).format(date);
    }
    if (increment < 28 * DAY_S) return formats.day.format(date);
    if (increment >= 365 * DAY_S) return formats.year.format(date);
    const isNewYear = index === 0 || date.getMonth() === 0;
    return (isNewYear ? formats.monthOfYear : formats.month).format(date);
  });
}

/** Return the whole seconds until an instant in milliseconds of the epoch; one at the least. */
export function secondsUntil(instantMs: number): number {
  return Math.max(1, Math.round((instantMs - Date.now()) / 1000));
}

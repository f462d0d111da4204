/** Days of the reader's calendar. */

export const DAY_S = 86_400;
export const DAY_MS = DAY_S * 1000;
/** Before every balance that there can be. */
export const EARLIEST = new Date("1900-01-01T00:00:00Z");

export function startOfDay(day: string): Date {
  return new Date(`${day}T00:00:00`);
}

export function endOfDay(day: string): Date {
  return new Date(`${day}T23:59:59`);
}

/** Return the day of an instant as YYYY-MM-DD. */
export function toIsoDate(instant: Date): string {
  const pad = (n: number): string => String(n).padStart(2, "0");
  return `${instant.getFullYear()}-${pad(instant.getMonth() + 1)}-${pad(instant.getDate())}`;
}

/** Return an instant as the API takes it: in UTC, without empty milliseconds. */
export function toIsoInstant(instant: Date): string {
  return instant.toISOString().replace(/\.000Z$/, "Z");
}

export function shiftYears(instant: Date, years: number): Date {
  const shifted = new Date(instant);
  shifted.setFullYear(shifted.getFullYear() + years);
  // A year without 29 February has overflowed into March.
  if (shifted.getMonth() !== instant.getMonth()) shifted.setDate(0);
  return shifted;
}

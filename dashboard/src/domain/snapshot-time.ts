/** The time of a balance: an instant, or a calendar day, which is the same in every time zone. */

import type { Snapshot } from "../api/types";
import { endOfDay, toIsoDate } from "./calendar";

export type TimedSnapshot = Pick<Snapshot, "captured_at" | "evidence">;

/** Whether the balance was told for a day without a time; requests need `detail: "evidence"`. */
export function isDay({ evidence }: TimedSnapshot): boolean {
  return evidence?.precision === "day";
}

/** Return the place on the reader's calendar: within its own day for the balance of a day. */
export function placeOf(snapshot: TimedSnapshot): Date {
  const at = new Date(snapshot.captured_at);
  // The API gives a day as noon in UTC: the next day where clocks are twelve hours or more ahead.
  const day = snapshot.captured_at.slice(0, 10);
  return isDay(snapshot) && toIsoDate(at) > day ? endOfDay(day) : at;
}

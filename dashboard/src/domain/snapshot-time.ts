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
  return isDay(snapshot) ? placeOfDay(snapshot.captured_at) : new Date(snapshot.captured_at);
}

/** Whether a balance of unknown precision is most likely of a day: it stands at noon in UTC. */
export function isLikelyOfDay(capturedAt: string): boolean {
  return capturedAt.endsWith("T12:00:00Z");
}

/** Return the place of a balance of unknown precision. */
export function likelyPlaceOf(capturedAt: string): Date {
  return isLikelyOfDay(capturedAt) ? placeOfDay(capturedAt) : new Date(capturedAt);
}

function placeOfDay(capturedAt: string): Date {
  const at = new Date(capturedAt);
  // The API gives a day as noon in UTC: the next day where clocks are twelve hours or more ahead.
  const day = capturedAt.slice(0, 10);
  return toIsoDate(at) > day ? endOfDay(day) : at;
}

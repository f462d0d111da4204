/** The points of a chart. Their floats become pixels; every amount that is read comes from their text. */

import uPlot from "uplot";

import type { Snapshot } from "../api/types";
import { DAY_S, shiftYears } from "../domain/calendar";
import { isDay, placeOf } from "../domain/snapshot-time";
import type { TimeRange } from "../domain/time-range";

/** About one for every other pixel of a wide screen. */
export const MAX_POINTS = 700;
/** Of a longer history fewer than these remain only where nearly all lie within a few days of years. */
export const COMPLETE_BELOW = 80;
/** Of each bucket of time the API sends the first, the last, the lowest and the highest balance. */
export const POINTS_PER_BUCKET = 4;
const BUCKETS = MAX_POINTS / POINTS_PER_BUCKET;
const MIN_GAP_S = 4 * DAY_S;
const GAP_FACTOR = 3.5;

export interface Point {
  readonly at: string;
  /** Whether the balance is of a day without a time. */
  readonly isDay: boolean;
  /** Seconds of the epoch. The total of a day is dated at its end; that of today lies at the present. */
  readonly time: number;
  readonly balance: string;
  readonly value: number;
  readonly cash: number | null;
  readonly cashText: string | null;
  readonly holdingsText: string | null;
  /** Of a total: the number of its accounts, and of those without a balance of that day. */
  readonly accounts?: number;
  readonly carried?: number;
}

export type BalancePoint = Pick<Point, "at" | "balance">;

export function toPoint(
  at: string,
  balance: string,
  extra: {
    isDay?: boolean;
    cash?: string | null;
    holdings?: string | null;
    accounts?: number;
    carried?: number;
  } = {},
): Point {
  return {
    at,
    isDay: extra.isDay ?? false,
    time: Math.min(Date.parse(at), Date.now()) / 1000,
    balance,
    value: Number(balance),
    cash: extra.cash == null ? null : Number(extra.cash),
    cashText: extra.cash ?? null,
    holdingsText: extra.holdings ?? null,
    ...(extra.accounts === undefined ? {} : { accounts: extra.accounts, carried: extra.carried ?? 0 }),
  };
}

/** Return an account's points in the order of time. */
export function toPoints(snapshots: readonly Snapshot[]): Point[] {
  const points = snapshots.map((snapshot) =>
    toPoint(placeOf(snapshot).toISOString(), snapshot.balance, {
      isDay: isDay(snapshot),
      cash: snapshot.cash_value,
      holdings: snapshot.holdings_value,
    }),
  );
  // A day's balance can stand before an earlier instant of the next day.
  return points.sort((a, b) => a.time - b.time);
}

/** Return the index of the last point not after a time, or of the nearest on either side. */
export function nearestIndex(points: readonly Point[], time: number, side: "before" | "either"): number {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle]!.time <= time) low = middle;
    else high = middle - 1;
  }
  const next = points[low + 1];
  const isNextCloser = next && next.time - time < Math.abs(time - points[low]!.time);
  return side === "either" && isNextCloser ? low + 1 : low;
}

/** Return the seconds between two points from which the line breaks; a stepped line never breaks. */
export function gapThreshold(points: readonly Point[], isStepped: boolean): number {
  if (isStepped || points.length < 3) return Number.POSITIVE_INFINITY;
  const intervals = points.slice(1).map((point, index) => point.time - points[index]!.time);
  intervals.sort((a, b) => a - b);
  const median = intervals[intervals.length >> 1]!;
  // The API may have left out points between two that it sent, for as long as a bucket.
  const bucket = (points.at(-1)!.time - points[0]!.time) / BUCKETS;
  return Math.max(MIN_GAP_S, median * GAP_FACTOR, bucket);
}

/** Return the points at the same time of another year, for a comparison. */
export function shiftPoints(points: readonly Point[], years: number): Point[] {
  return points.map((point) => ({
    ...point,
    time: shiftYears(new Date(point.time * 1000), years).getTime() / 1000,
  }));
}

/** Return the part of the range that has points: an hour at the least, and nothing after now but points. */
export function visibleRange(points: readonly Point[], { start, end }: TimeRange): { start: Date; end: Date } {
  const first = points[0]?.time;
  if (first === undefined) return { start, end };
  const last = points.at(-1)!.time;
  const to = Math.min(end.getTime(), Date.now()) / 1000;
  const from = Math.max(start.getTime() / 1000, first - (last === first ? DAY_S : 0));
  return { start: new Date(Math.min(from, to - DAY_S / 24) * 1000), end: new Date(to * 1000) };
}

/** Return the chart's columns: times, balances, cash where it is stacked, and the earlier balances. */
export function toPlotData(
  points: readonly Point[],
  earlier: readonly Point[] | undefined,
  { isStepped, isStacked }: { isStepped: boolean; isStacked: boolean },
): uPlot.AlignedData {
  const current = toColumns(points, isStepped, isStacked);
  if (!earlier?.length) return current;
  return uPlot.join([current, toColumns(earlier, isStepped, false)]);
}

function toColumns(points: readonly Point[], isStepped: boolean, isStacked: boolean): uPlot.AlignedData {
  const threshold = gapThreshold(points, isStepped);
  const times: number[] = [];
  const values: (number | null)[] = [];
  const cash: (number | null)[] = [];
  points.forEach((point, index) => {
    const previous = points[index - 1];
    if (previous && point.time - previous.time > threshold) {
      times.push((previous.time + point.time) / 2);
      values.push(null);
      cash.push(null);
    }
    times.push(point.time);
    values.push(point.value);
    cash.push(point.cash);
  });
  return isStacked ? [times, values, cash] : [times, values];
}

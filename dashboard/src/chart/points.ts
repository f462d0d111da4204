/** The points of a chart. Their floats become pixels; every amount that is read comes from their text. */

import uPlot from "uplot";

import type { RangeChange, Snapshot } from "../api/types";
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
// A shorter part of the range would be a dot.
const CARRIED_RATIO = 0.01;

export interface Point {
  readonly at: string;
  /** Whether the balance is of a day without a time. */
  readonly isDay: boolean;
  /** Whether nothing was recorded then, and the last balance before it stands. */
  readonly isCarried: boolean;
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
  /** Of a total: the number of accounts that begin later. */
  readonly missing?: number;
}

export type BalancePoint = Pick<Point, "at" | "balance">;

export function toPoint(
  at: string,
  balance: string,
  extra: {
    isDay?: boolean;
    isCarried?: boolean;
    cash?: string | null;
    holdings?: string | null;
    accounts?: number;
    carried?: number;
    missing?: number;
  } = {},
): Point {
  return {
    at,
    isDay: extra.isDay ?? false,
    isCarried: extra.isCarried ?? false,
    time: Math.min(Date.parse(at), Date.now()) / 1000,
    balance,
    value: Number(balance),
    cash: extra.cash == null ? null : Number(extra.cash),
    cashText: extra.cash ?? null,
    holdingsText: extra.holdings ?? null,
    ...(extra.accounts === undefined ? {} : { accounts: extra.accounts, carried: extra.carried ?? 0, missing: extra.missing ?? 0 }),
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

/** Return the points with those of the balance that stands at either end of the range. */
export function withCarried(
  points: readonly Point[],
  { opening, closing }: Pick<RangeChange, "opening" | "closing">,
  { preset, start, end }: TimeRange,
): Point[] {
  const carry = (time: number, balance: string): Point =>
    toPoint(new Date(time).toISOString(), balance, { isDay: true, isCarried: true });
  const from = preset === "ALL" ? (points[0]?.time ?? 0) * 1000 : start.getTime();
  const to = Math.min(end.getTime(), Date.now());
  const isShortOf = (time: number, point: Point | undefined): boolean =>
    !point || Math.abs(time - point.time * 1000) > (to - from) * CARRIED_RATIO;
  return [
    ...(opening !== null && isShortOf(from, points[0]) ? [carry(from, opening)] : []),
    ...points,
    ...(closing !== null && isShortOf(to, points.at(-1)) ? [carry(to, closing)] : []),
  ];
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

/**
 * Return the last of a year earlier's points that is not after a point's own instant, undefined where none is. The
 * balance of today stands at the present until its instant has come.
 */
export function earlierAt(earlier: readonly Point[] | undefined, point: Point): Point | undefined {
  const time = Date.parse(point.at) / 1000;
  const found = earlier?.[nearestIndex(earlier, time, "before")];
  return found && found.time <= time ? found : undefined;
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

/** Return the chart's columns: times, balances, cash where it is stacked, carried and earlier balances. */
export function toPlotData(
  points: readonly Point[],
  earlier: readonly Point[] | undefined,
  { isStepped, isStacked }: { isStepped: boolean; isStacked: boolean },
): uPlot.AlignedData {
  const tables = [toColumns(points.filter((point) => !point.isCarried), isStepped, isStacked)];
  if (hasCarried(points)) tables.push(toCarriedColumns(points));
  if (earlier?.length) tables.push(toColumns(earlier, isStepped, false));
  return tables.length === 1 ? tables[0]! : uPlot.join(tables);
}

/** Whether a balance is carried to an end of the range. */
export function hasCarried(points: readonly Point[]): boolean {
  return points.some((point) => point.isCarried);
}

/** Return the stretches of a carried balance: before the first recorded one, and after the last. */
function toCarriedColumns(points: readonly Point[]): uPlot.AlignedData {
  const times: number[] = [];
  const values: (number | null)[] = [];
  points.forEach((point, index) => {
    const isCarriedTo = Boolean(points[index - 1]?.isCarried || point.isCarried);
    const isCarriedFrom = Boolean(points[index + 1]?.isCarried || point.isCarried);
    if (!isCarriedTo && isCarriedFrom && index > 0) {
      times.push((points[index - 1]!.time + point.time) / 2);
      values.push(null);
    }
    if (isCarriedTo || isCarriedFrom) {
      times.push(point.time);
      values.push(point.value);
    }
  });
  return [times, values];
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

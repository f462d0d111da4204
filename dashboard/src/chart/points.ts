/** Balances as a chart draws them. Numbers here become pixels and nothing else. */

import uPlot from "uplot";

/** About one for every other pixel of a wide screen. */
export const MOST_POINTS = 700;
/** Of each such stretch of time the first, the last, the lowest and the highest are given. */
const STRETCHES = MOST_POINTS / 4;

export interface Point {
  readonly at: string;
  /** Seconds of the epoch. */
  readonly time: number;
  readonly balance: string;
  readonly value: number;
  readonly cash: number | null;
  readonly cashText: string | null;
  readonly holdingsText: string | null;
  /** Of a total: on how many accounts it rests, and how many of them had no news by then. */
  readonly accounts?: number;
  readonly carried?: number;
}

export function pointOf(
  at: string,
  balance: string,
  more: { cash?: string | null; holdings?: string | null; accounts?: number; carried?: number } = {},
): Point {
  return {
    at,
    time: Date.parse(at) / 1000,
    balance,
    value: Number(balance),
    cash: more.cash == null ? null : Number(more.cash),
    cashText: more.cash ?? null,
    holdingsText: more.holdings ?? null,
    ...(more.accounts === undefined ? {} : { accounts: more.accounts, carried: more.carried ?? 0 }),
  };
}

/** The index of the point at a time: the last one not after it, or the nearest on either side. */
export function nearest(points: readonly Point[], time: number, side: "before" | "either"): number {
  let low = 0;
  let high = points.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (points[middle]!.time <= time) low = middle;
    else high = middle - 1;
  }
  const next = points[low + 1];
  const isNextNearer = next && next.time - time < Math.abs(time - points[low]!.time);
  return side === "either" && isNextNearer ? low + 1 : low;
}

const SHORTEST_GAP_S = 4 * 86_400;
const UNUSUAL = 3.5;

/** How long nothing may be reported before the line breaks; as long as it likes for typed ones. */
export function longestPause(points: readonly Point[], isStepped: boolean): number {
  if (isStepped || points.length < 3) return Number.POSITIVE_INFINITY;
  const pauses = points.slice(1).map((point, index) => point.time - points[index]!.time);
  pauses.sort((a, b) => a - b);
  const usual = pauses[pauses.length >> 1]!;
  // Between those that were given others may have been left out, for as long as a stretch.
  const stretch = (points.at(-1)!.time - points[0]!.time) / STRETCHES;
  return Math.max(SHORTEST_GAP_S, usual * UNUSUAL, stretch);
}

/** Columns for the chart: time, balance, cash where it is drawn, and a year earlier. */
export function tableOf(
  points: readonly Point[],
  earlier: readonly Point[] | undefined,
  { isStepped, isStacked }: { isStepped: boolean; isStacked: boolean },
): uPlot.AlignedData {
  const own = columns(points, isStepped, isStacked);
  if (!earlier?.length) return own;
  return uPlot.join([own, columns(earlier, isStepped, false)]);
}

function columns(points: readonly Point[], isStepped: boolean, isStacked: boolean): uPlot.AlignedData {
  const pause = longestPause(points, isStepped);
  const times: number[] = [];
  const values: (number | null)[] = [];
  const cash: (number | null)[] = [];
  points.forEach((point, index) => {
    const before = points[index - 1];
    if (before && point.time - before.time > pause) {
      times.push((before.time + point.time) / 2);
      values.push(null);
      cash.push(null);
    }
    times.push(point.time);
    values.push(point.value);
    cash.push(point.cash);
  });
  return isStacked ? [times, values, cash] : [times, values];
}

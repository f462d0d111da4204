/** The requests that several pages share, or that need more than one call. */

import { toPoint, type BalancePoint, type Point } from "../chart/points";
import { EARLIEST, endOfDay, toIsoInstant } from "../domain/calendar";
import { lengthInDays, type TimeRange } from "../domain/time-range";
import { timeZone } from "../format/locale";
import { get } from "./client";
import type { Account, Connection, Snapshot, SnapshotHistory, SnapshotSource, Sync } from "./types";

const SPARKLINE_POINTS = 32;
const MAX_PAGE_SIZE = 100;

export function fetchAccounts(signal: AbortSignal): Promise<Account[]> {
  return fetchPages(
    (cursor) => get("/api/v1/accounts", { query: { cursor }, signal }),
    (page) => page.accounts,
  );
}

export function fetchConnections(signal: AbortSignal): Promise<Connection[]> {
  return fetchPages(
    (cursor) => get("/api/v1/connections", { query: { cursor }, signal }),
    (page) => page.connections,
  );
}

/** Return the newest syncs first; the last page may exceed the limit. */
export function fetchRecentSyncs(limit: number, signal: AbortSignal): Promise<Sync[]> {
  return fetchPages(
    (cursor) => get("/api/v1/syncs", { query: { cursor, limit: Math.min(MAX_PAGE_SIZE, limit) }, signal }),
    (page) => page.syncs,
    limit,
  );
}

async function fetchPages<Page extends { next_cursor?: string | null }, Item>(
  fetchPage: (cursor: string | undefined) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
  limit = Number.POSITIVE_INFINITY,
): Promise<Item[]> {
  const items: Item[] = [];
  let cursor: string | undefined;
  do {
    const page = await fetchPage(cursor);
    items.push(...itemsOf(page));
    cursor = page.next_cursor ?? undefined;
  } while (cursor && items.length < limit);
  return items;
}

export interface TotalSeries {
  readonly currency: string;
  readonly points: readonly Point[];
}

/** Return the user's total over time, one series for each currency. */
export async function fetchTotals(range: TimeRange, signal: AbortSignal): Promise<TotalSeries[]> {
  const { series } = await get("/api/v1/balance-history", {
    query: { ...rangeParameters(range), interval: interval(range), tz: timeZone },
    signal,
  });
  return (series ?? []).map(({ currency, points }) => ({
    currency,
    points: points.map(({ at, balance, accounts, carried }) => toPoint(at, balance, { accounts, carried })),
  }));
}

/** Return a few balances of each account, by the account's id. */
export async function fetchSparklines(
  range: TimeRange,
  signal: AbortSignal,
): Promise<Map<string, readonly BalancePoint[]>> {
  const { accounts } = await get("/api/v1/balance-history", {
    query: { ...rangeParameters(range), group_by: "account", max_points: SPARKLINE_POINTS },
    signal,
  });
  return new Map((accounts ?? []).map(({ account_id, points }) => [account_id, points]));
}

/** Return an account's balances: at most so many that shape its line, or without a limit all of them. */
export function fetchAccountHistory(
  id: string,
  range: TimeRange,
  { source, limit }: { source: string; limit?: number },
  signal?: AbortSignal,
): Promise<SnapshotHistory> {
  return get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: {
      ...rangeParameters(range),
      max_points: limit,
      source: (source || undefined) as SnapshotSource | undefined,
    },
    ...(signal ? { signal } : {}),
  });
}

/** Return the last balance recorded by the end of a day, or null where there is none. */
export async function fetchBalanceOn(id: string, day: string, signal: AbortSignal): Promise<Snapshot | null> {
  const { snapshots } = await get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: { start_date: toIsoInstant(EARLIEST), end_date: toIsoInstant(endOfDay(day)), max_points: 4 },
    signal,
  });
  return snapshots.at(-1) ?? null;
}

function interval(range: TimeRange): "day" | "week" | "month" {
  const days = lengthInDays(range);
  if (days <= 800) return "day";
  return days <= 12_000 ? "week" : "month";
}

function rangeParameters({ start, end }: TimeRange): { start_date: string; end_date: string } {
  return { start_date: toIsoInstant(start), end_date: toIsoInstant(end) };
}

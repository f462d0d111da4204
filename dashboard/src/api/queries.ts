/** What the pages ask the API, and no more than they show. */

import { MAX_POINTS, toPoint, type Point } from "../chart/points";
import { toIsoInstant } from "../domain/calendar";
import { lengthInDays, type TimeRange } from "../domain/time-range";
import { timeZone } from "../format/locale";
import { get, request } from "./client";
import type { Account, Connection, Schemas, Sync } from "./types";

const SPARKLINE_POINTS = 32;

export async function fetchAccounts(signal: AbortSignal): Promise<Account[]> {
  const items: Account[] = [];
  let cursor: string | undefined;
  do {
    const page = await get("/api/v1/accounts", { query: { cursor }, signal });
    items.push(...page.accounts);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return items;
}

export async function fetchConnections(signal: AbortSignal): Promise<Connection[]> {
  const items: Connection[] = [];
  let cursor: string | undefined;
  do {
    const page = await get("/api/v1/connections", { query: { cursor }, signal });
    items.push(...page.connections);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return items;
}

export async function fetchRecentSyncs(
  limit: number,
  signal: AbortSignal,
): Promise<{ syncs: Sync[]; total: number }> {
  const syncs: Sync[] = [];
  let cursor: string | undefined;
  let total = 0;
  do {
    const page = await get("/api/v1/syncs", { query: { cursor, limit: Math.min(100, limit) }, signal });
    syncs.push(...page.syncs);
    total = page.total_count;
    cursor = page.next_cursor ?? undefined;
  } while (cursor && syncs.length < limit);
  return { syncs, total };
}

export interface TotalSeries {
  readonly currency: string;
  readonly points: readonly Point[];
}

/** The user's total over time, one series for each currency. */
export async function fetchTotals(range: TimeRange, signal: AbortSignal): Promise<TotalSeries[]> {
  const response = await get("/api/v1/balance-history", {
    query: { ...rangeParameters(range), interval: interval(range), tz: timeZone },
    signal,
  });
  return (response.series ?? []).map(({ currency, points }) => ({
    currency,
    points: points.map(({ at, balance, accounts, carried }) => toPoint(at, balance, { accounts, carried })),
  }));
}

export type SparklinePoints = readonly { at: string; balance: string }[];

/** Every account's shape in one answer, by account. */
export async function fetchSparklines(range: TimeRange, signal: AbortSignal): Promise<Map<string, SparklinePoints>> {
  const response = await get("/api/v1/balance-history", {
    query: { ...rangeParameters(range), group_by: "account", max_points: SPARKLINE_POINTS },
    signal,
  });
  return new Map((response.accounts ?? []).map(({ account_id, points }) => [account_id, points]));
}

function interval(range: TimeRange): "day" | "week" | "month" {
  const length = lengthInDays(range);
  if (length <= 800) return "day";
  return length <= 12_000 ? "week" : "month";
}

function rangeParameters({ start, end }: TimeRange): { start_date: string; end_date: string } {
  return { start_date: toIsoInstant(start), end_date: toIsoInstant(end) };
}

/** An account's balances: those that shape its line, or every one. */
export function fetchAccountHistory(
  id: string,
  range: TimeRange,
  { source, isComplete = false }: { source: string; isComplete?: boolean },
  signal?: AbortSignal,
): Promise<Schemas["SnapshotHistory"]> {
  return get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: {
      ...rangeParameters(range),
      max_points: isComplete ? undefined : MAX_POINTS,
      source: (source || undefined) as Schemas["SnapshotSource"] | undefined,
    },
    ...(signal ? { signal } : {}),
  });
}

/** Save an answer as a file; it is asked for with the token, which a plain link could not send. */
export async function downloadFile(path: string, name: string): Promise<void> {
  saveFile(await (await request("GET", path)).blob(), name);
}

export function saveFile(blob: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

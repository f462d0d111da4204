/** What the pages ask the API, and no more than they show. */

import { get, request, type Account, type Connection, type Shapes, type Sync } from "./client";
import { MOST_POINTS, pointOf, type Point } from "../chart/points";
import { days, wire, type Span } from "../format/dates";
import { timeZone } from "../preferences";

const SPARKLINE_POINTS = 32;

export async function allAccounts(signal: AbortSignal): Promise<Account[]> {
  const found: Account[] = [];
  let cursor: string | undefined;
  do {
    const page = await get("/api/v1/accounts", { query: { cursor }, signal });
    found.push(...page.accounts);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

export async function allConnections(signal: AbortSignal): Promise<Connection[]> {
  const found: Connection[] = [];
  let cursor: string | undefined;
  do {
    const page = await get("/api/v1/connections", { query: { cursor }, signal });
    found.push(...page.connections);
    cursor = page.next_cursor ?? undefined;
  } while (cursor);
  return found;
}

export async function someSyncs(
  count: number,
  signal: AbortSignal,
): Promise<{ syncs: Sync[]; total: number }> {
  const syncs: Sync[] = [];
  let cursor: string | undefined;
  let total = 0;
  do {
    const page = await get("/api/v1/syncs", { query: { cursor, limit: Math.min(100, count) }, signal });
    syncs.push(...page.syncs);
    total = page.total_count;
    cursor = page.next_cursor ?? undefined;
  } while (cursor && syncs.length < count);
  return { syncs, total };
}

export interface TotalSeries {
  readonly currency: string;
  readonly points: readonly Point[];
}

/** The user's total over time, one series for each currency. */
export async function totals(span: Span, signal: AbortSignal): Promise<TotalSeries[]> {
  const answer = await get("/api/v1/balance-history", {
    query: { ...range(span), interval: interval(span), tz: timeZone },
    signal,
  });
  return (answer.series ?? []).map(({ currency, points }) => ({
    currency,
    points: points.map(({ at, balance, accounts, carried }) => pointOf(at, balance, { accounts, carried })),
  }));
}

export type Shape = readonly { at: string; balance: string }[];

/** Every account's shape in one answer, by account. */
export async function shapes(span: Span, signal: AbortSignal): Promise<Map<string, Shape>> {
  const answer = await get("/api/v1/balance-history", {
    query: { ...range(span), group_by: "account", max_points: SPARKLINE_POINTS },
    signal,
  });
  return new Map((answer.accounts ?? []).map(({ account_id, points }) => [account_id, points]));
}

function interval(span: Span): "day" | "week" | "month" {
  const length = days(span);
  if (length <= 800) return "day";
  return length <= 12_000 ? "week" : "month";
}

function range({ start, end }: Span): { start_date: string; end_date: string } {
  return { start_date: wire(start), end_date: wire(end) };
}

/** An account's balances: those that shape its line, or every one. */
export function accountHistory(
  id: string,
  span: Span,
  { source, isWhole = false }: { source: string; isWhole?: boolean },
  signal?: AbortSignal,
): Promise<Shapes["SnapshotHistory"]> {
  return get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: {
      ...range(span),
      max_points: isWhole ? undefined : MOST_POINTS,
      source: (source || undefined) as Shapes["SnapshotSource"] | undefined,
    },
    ...(signal ? { signal } : {}),
  });
}

/** Save an answer as a file; it is asked for with the token, which a plain link could not send. */
export async function download(path: string, name: string): Promise<void> {
  save(await (await request("GET", path)).blob(), name);
}

export function save(content: Blob, name: string): void {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(content);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

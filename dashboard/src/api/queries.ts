/** The requests that several pages share, or that need more than one call. */

import { toPoint, type Point } from "../chart/points";
import { DAY_MS, EARLIEST, endOfDay, toIsoInstant } from "../domain/calendar";
import { placeOf } from "../domain/snapshot-time";
import { lengthInDays, type TimeRange } from "../domain/time-range";
import { timeZone } from "../format/locale";
import { get } from "./client";
import type {
  Account,
  Connection,
  CoverageEvent,
  ImportProfile,
  RangeChange,
  Revision,
  Schemas,
  Snapshot,
  SnapshotHistory,
  SnapshotSource,
  Sync,
} from "./types";

const SPARKLINE_POINTS = 32;
const MAX_PAGE_SIZE = 100;
// Beyond the end of a range: a day's balance is at noon in UTC, and can be of the next booking day.
const MARGIN_MS = 2 * DAY_MS;

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

/** Return the remembered mappings, the newest first. */
export function fetchImportProfiles(signal: AbortSignal): Promise<ImportProfile[]> {
  return fetchPages(
    (cursor) => get("/api/v1/import-profiles", { query: { cursor }, signal }),
    (page) => page.import_profiles,
  );
}

/** Return the changes of an account's past, the newest first. */
export function fetchRevisions(id: string, signal: AbortSignal): Promise<Revision[]> {
  return fetchPages(
    (cursor) => get("/api/v1/accounts/{id}/revisions", { path: { id }, query: { cursor }, signal }),
    (page) => page.revisions,
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
  readonly change: RangeChange;
  readonly events: readonly CoverageEvent[];
}

/** Return the user's total over time, one series for each currency. */
export async function fetchTotals(range: TimeRange, signal: AbortSignal): Promise<TotalSeries[]> {
  const { series } = await get("/api/v1/balance-history", {
    query: { ...rangeParameters(range), interval: interval(range), tz: timeZone },
    signal,
  });
  return (series ?? []).map(({ currency, points, change, coverage_events: events }) => ({
    currency,
    change,
    events,
    points: points.map(({ at, balance, ...counts }) => toPoint(at, balance, { isDay: true, ...counts })),
  }));
}

export type AccountSeries = Schemas["AccountSeries"];

/** Return a few balances of each account and its change, by the account's id. */
export async function fetchSparklines(range: TimeRange, signal: AbortSignal): Promise<Map<string, AccountSeries>> {
  const { accounts } = await get("/api/v1/balance-history", {
    query: { ...rangeParameters(range), tz: timeZone, group_by: "account", max_points: SPARKLINE_POINTS },
    signal,
  });
  return new Map((accounts ?? []).map((series) => [series.account_id, series]));
}

/** Return the change of an account, hidden ones too, or null where no balance stood in the range. */
export async function fetchAccountChange(
  id: string,
  range: TimeRange,
  signal: AbortSignal,
): Promise<AccountSeries | null> {
  const { accounts } = await get("/api/v1/balance-history", {
    query: {
      ...rangeParameters(range),
      tz: timeZone,
      group_by: "account",
      account_id: id,
      // The change is the same by every interval.
      interval: "month",
    },
    signal,
  });
  return accounts?.[0] ?? null;
}

/** Return an account's balances: at most so many that shape its line, or without a limit all of them. */
export async function fetchAccountHistory(
  id: string,
  range: TimeRange,
  { source, limit }: { source: string; limit?: number },
  signal?: AbortSignal,
): Promise<SnapshotHistory> {
  // Of the present all is shown: a balance of today, or of the next booking day, has its noon to come.
  const last = range.end.getTime() >= Date.now() ? Number.POSITIVE_INFINITY : range.end.getTime();
  const history = await get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: {
      ...rangeParameters({ start: range.start, end: new Date(Math.min(last, Date.now()) + MARGIN_MS) }),
      detail: "evidence",
      max_points: limit,
      source: (source || undefined) as SnapshotSource | undefined,
    },
    ...(signal ? { signal } : {}),
  });
  // The API compares instants; a balance of a day belongs to the range of its day.
  const snapshots = history.snapshots.filter((snapshot) => {
    const place = placeOf(snapshot).getTime();
    return range.start.getTime() <= place && place <= last;
  });
  if (snapshots.length === history.snapshots.length) return history;
  const [first, ...others] = snapshots;
  const shown = first ? [{ ...first, change_amount: null, change_percent: null }, ...others] : [];
  return { ...history, snapshots: shown, total_count: shown.length };
}

/** Return the last balance recorded by the end of a day, or null where there is none. */
export async function fetchBalanceOn(id: string, day: string, signal: AbortSignal): Promise<Snapshot | null> {
  const fetchLast = async (end: Date): Promise<Snapshot | null> => {
    const { snapshots } = await get("/api/v1/accounts/{id}/balance-history", {
      path: { id },
      query: {
        start_date: toIsoInstant(EARLIEST),
        end_date: toIsoInstant(end),
        max_points: 4,
        detail: "evidence",
      },
      signal,
    });
    return snapshots.at(-1) ?? null;
  };
  const end = endOfDay(day);
  const noon = new Date(`${day}T12:00:00Z`);
  if (noon <= end) return fetchLast(end);
  // Where clocks are far ahead, the day's own balance has a later instant than the day's end.
  const last = await fetchLast(noon);
  return last && placeOf(last) > end ? fetchLast(end) : last;
}

function interval(range: TimeRange): "day" | "week" | "month" {
  const days = lengthInDays(range);
  if (days <= 800) return "day";
  return days <= 12_000 ? "week" : "month";
}

function rangeParameters({ start, end }: Pick<TimeRange, "start" | "end">): { start_date: string; end_date: string } {
  return { start_date: toIsoInstant(start), end_date: toIsoInstant(end) };
}

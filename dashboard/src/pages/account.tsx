/** One account: its chart, its balance on any day, its holdings, and its recorded balances. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { get } from "../api/client";
import { fetchAccountChange, fetchAccountHistory, fetchConnections } from "../api/queries";
import type { Account, Connection, Snapshot, SnapshotHistory } from "../api/types";
import { useResource } from "../api/use-resource";
import { BalanceHistory } from "../chart/balance-history";
import { COMPLETE_BELOW, MAX_POINTS, POINTS_PER_BUCKET, shiftPoints, toPoints, withCarried } from "../chart/points";
import { Amount, SnapshotChange } from "../components/amount";
import { Badge } from "../components/badge";
import { ErrorNotice } from "../components/error-notice";
import { Options } from "../components/form";
import { Holds } from "../components/holds";
import { Icon } from "../components/icon";
import { PageHeading } from "../components/page-heading";
import { ResourceStatus, Skeleton } from "../components/resource-status";
import { AddBalanceDialog } from "../dialogs/add-balance";
import { SnapshotDetailsDialog } from "../dialogs/snapshot-details";
import { toIsoDate } from "../domain/calendar";
import { isManual, isSyncedByProvider } from "../domain/connections";
import { presetRange, yearEarlier, type TimeRange } from "../domain/time-range";
import { historyToCsv } from "../format/csv";
import { formatDate, formatDateTime, formatSnapshotAge } from "../format/dates";
import { SOURCE_LABELS, describeAccount, describeOrigin, describeRhythm, describeStaleness } from "../format/labels";
import { formatCount } from "../format/numbers";
import { Link } from "../router";
import { saveFile } from "../save-file";
import { BalanceOnDay } from "./balance-on-day";
import { HoldingsTable } from "./holdings-table";
import { SnapshotTable } from "./snapshot-table";

export function AccountPage({ id }: { id: string }): JSX.Element {
  const [range, setRange] = useState<TimeRange>(() => presetRange("1Y"));
  const [source, setSource] = useState("");
  const [isComparing, setIsComparing] = useState(false);
  const [isStacked, setIsStacked] = useState(false);
  const [selected, setSelected] = useState<Snapshot | null>(null);
  const [isAddingBalance, setIsAddingBalance] = useState(false);

  const key = `${id}/${range.start.getTime()}/${range.end.getTime()}/${source}`;
  const account = useResource(`account/${id}`, (signal) =>
    get("/api/v1/accounts/{id}", { path: { id }, signal }),
  );
  const latest = useResource(`latest/${id}`, (signal) =>
    get("/api/v1/accounts/{id}/balance-snapshots", { path: { id }, query: { limit: 1, detail: "evidence" }, signal }),
  );
  const revisions = useResource(`revisions/newest/${id}`, (signal) =>
    get("/api/v1/accounts/{id}/revisions", { path: { id }, query: { limit: 1 }, signal }),
  );
  const connections = useResource("connections", fetchConnections);
  // One resource, so that the change is always that of the points' own range.
  const ranged = useResource(`history/${key}`, async (signal) => {
    const [history, series] = await Promise.all([
      fetchAccountHistory(id, range, { source, limit: MAX_POINTS }, signal),
      // The sources of a carried balance are not those of the points.
      source ? null : fetchAccountChange(id, range, signal),
    ]);
    return { history, series, range };
  });
  const history = { ...ranged, data: ranged.data?.history };
  // The API does not tell whether it left any out: then another limit, of one more bucket, brings others.
  const isCertain = history.isLoading || (history.data?.total_count ?? 0) < COMPLETE_BELOW;
  const other = useResource(isCertain ? null : `history/other/${key}`, (signal) =>
    fetchAccountHistory(id, range, { source, limit: MAX_POINTS + POINTS_PER_BUCKET }, signal),
  );
  const isThinned = !other.isLoading && other.data !== undefined && !areSame(history.data, other.data);
  const [completeKey, setCompleteKey] = useState("");
  const complete = useResource(completeKey === key ? `history/complete/${key}` : null, (signal) =>
    fetchAccountHistory(id, range, { source }, signal),
  );
  const earlier = useResource(isComparing ? `history/earlier/${key}` : null, (signal) =>
    fetchAccountHistory(id, yearEarlier(range), { source, limit: MAX_POINTS }, signal),
  );
  const holdings = useResource(`holdings/${id}`, (signal) =>
    get("/api/v1/accounts/{id}/holdings", { path: { id }, signal }),
  );

  const change = ranged.data?.series?.change;
  const points = useMemo(() => {
    const recorded = toPoints(ranged.data?.history.snapshots ?? []);
    return ranged.data && change ? withCarried(recorded, change, ranged.data.range) : recorded;
  }, [ranged.data]);
  const events = useMemo(
    () => (ranged.data?.series?.coverage_events ?? []).map((event) => ({ ...event, name: account.data?.name ?? "" })),
    [ranged.data, account.data],
  );
  const earlierPoints = useMemo(
    () => (isComparing ? shiftPoints(toPoints(earlier.data?.snapshots ?? []), 1) : undefined),
    [isComparing, earlier.data],
  );
  const connection = connections.data?.find((one) => one.id === account.data?.connection_id);

  if (!account.data) {
    return (
      <>
        <PageHeading title="Account" aboveTitle={<BackLink />} />
        <ResourceStatus resource={account} lines={6} />
      </>
    );
  }
  const { currency, name } = account.data;
  const canStack = points.some((point) => point.cash !== null && point.holdingsText !== null);
  const lastSnapshot = latest.data?.snapshots[0];
  return (
    <>
      <PageHeading title={name} aboveTitle={<BackLink />}>
        <p class="muted">{describeAccount(account.data, account.data.account_number_masked)}</p>
      </PageHeading>
      <CurrentBalance
        account={account.data}
        latest={lastSnapshot}
        connection={connection}
        onAddBalance={isSyncedByProvider(connection) ? undefined : () => setIsAddingBalance(true)}
      />
      <Holds names={new Map([[id, name]])} />
      {revisions.data?.revisions[0] && (
        <p class="muted">
          <Link to={`/accounts/${id}/revisions`}>The past changed</Link>, last on{" "}
          {formatDate(revisions.data.revisions[0].at)}.
        </p>
      )}
      <ErrorNotice error={history.error} retry={history.reload} />
      <BalanceHistory
        name={name}
        points={points}
        earlier={earlierPoints}
        currency={history.data?.currency ?? currency}
        change={change}
        events={events}
        range={range}
        onRangeChange={setRange}
        isComparing={isComparing}
        onCompareChange={setIsComparing}
        isStepped={isManual(connection)}
        isStacked={canStack && isStacked}
        isLoading={history.isLoading || earlier.isLoading}
        empty={
          history.isLoading ? (
            <Skeleton lines={1} />
          ) : history.error ? null : (
            <p>
              Nothing was recorded in this range{source && " by this source"}.
              {range.preset !== "ALL" && (
                <button type="button" class="button is-small" onClick={() => setRange(presetRange("ALL"))}>
                  Show everything
                </button>
              )}
            </p>
          )
        }
        extraControls={
          <>
            {canStack && (
              <button
                type="button"
                class="pill"
                aria-pressed={isStacked}
                onClick={() => setIsStacked(!isStacked)}
              >
                Holdings and cash
              </button>
            )}
            <label class="source-filter">
              <span class="visually-hidden">Source</span>
              <select value={source} onChange={(event) => setSource(event.currentTarget.value)}>
                <option value="">Every source</option>
                <Options of={Object.entries(SOURCE_LABELS)} />
              </select>
            </label>
          </>
        }
      />
      <BalanceOnDay accountId={id} onSelect={setSelected} />
      {(holdings.data?.total_count ?? 0) > 0 && <HoldingsTable holdings={holdings.data!.holdings} />}
      {history.data && history.data.total_count > 0 && (
        <SnapshotTable
          history={complete.data ?? history.data}
          connection={connection}
          isThinned={isThinned && complete.data === undefined}
          isLoading={complete.isLoading}
          error={complete.error}
          onLoadAll={() => (completeKey === key ? complete.reload() : setCompleteKey(key))}
          onSelect={setSelected}
          onSaveAll={async () => {
            const all = complete.data ?? (await fetchAccountHistory(id, range, { source }));
            saveFile(historyToCsv(all), `${toFileName(name)}-${toIsoDate(new Date())}.csv`);
          }}
        />
      )}
      {selected && (
        <SnapshotDetailsDialog
          account={account.data}
          connection={connection}
          snapshot={selected}
          onClose={() => setSelected(null)}
        />
      )}
      {isAddingBalance && <AddBalanceDialog account={account.data} onClose={() => setIsAddingBalance(false)} />}
    </>
  );
}

function BackLink(): JSX.Element {
  return (
    <Link to="/" class="back-link">
      <Icon name="back" /> Overview
    </Link>
  );
}

function CurrentBalance({
  account,
  latest,
  connection,
  onAddBalance,
}: {
  account: Account;
  latest: Snapshot | undefined;
  connection: Connection | undefined;
  onAddBalance: (() => void) | undefined;
}): JSX.Element {
  return (
    <div class="current-balance">
      <div>
        {account.balance === null ? (
          <p class="muted">No balance yet.</p>
        ) : (
          <Amount text={account.balance} currency={account.currency} isLarge />
        )}
        {latest && (
          <p class="current-balance-details">
            <SnapshotChange snapshot={latest} />
            <span>
              {formatSnapshotAge(latest)} · {describeOrigin(latest, connection)}
            </span>
            {account.is_stale && <Badge tone="warn">{describeStaleness(account, latest)}</Badge>}
            {account.closed_at && <Badge>Closed</Badge>}
            {account.is_hidden && <Badge>Hidden</Badge>}
          </p>
        )}
        {account.as_of && <p class="muted">By its provider as of {formatDateTime(account.as_of)}</p>}
        {account.coverage && (
          <p class="muted">
            Since {formatDate(account.coverage.since)}
            {account.coverage.usual_interval_days !== null &&
              `, usually ${describeRhythm(account.coverage.usual_interval_days)}`}
            {Boolean(account.coverage.longest_gap_days) &&
              `, at most ${formatCount(account.coverage.longest_gap_days!, "day")} apart`}
          </p>
        )}
        {account.available_balance !== null && (
          <p class="muted">
            Available <Amount text={account.available_balance} currency={account.currency} />
          </p>
        )}
      </div>
      {onAddBalance && (
        <button type="button" class="button" onClick={onAddBalance}>
          Type a balance
        </button>
      )}
    </div>
  );
}

function areSame(one: SnapshotHistory | undefined, other: SnapshotHistory): boolean {
  const ids = new Set(one?.snapshots.map((snapshot) => snapshot.id));
  return ids.size === other.total_count && other.snapshots.every((snapshot) => ids.has(snapshot.id));
}

function toFileName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "account";
}

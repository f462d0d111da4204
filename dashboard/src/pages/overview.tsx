/** The overview: the totals, their history, and the accounts behind them. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { get } from "../api/client";
import { fetchAccounts, fetchSparklines, fetchTotals, type AccountSeries, type TotalSeries } from "../api/queries";
import type { Account, RangeChange, Schemas, Snapshot } from "../api/types";
import { useResource } from "../api/use-resource";
import { BalanceHistory } from "../chart/balance-history";
import { shiftPoints, type Point } from "../chart/points";
import { Sparkline } from "../chart/sparkline";
import { Amount, RangeChangeLabel } from "../components/amount";
import { Badge } from "../components/badge";
import { ErrorNotice } from "../components/error-notice";
import { Holds } from "../components/holds";
import { Joins } from "../components/joins";
import { PageHeading } from "../components/page-heading";
import { Skeleton } from "../components/resource-status";
import { TimeZoneProposal } from "../components/time-zone";
import { isLiability } from "../domain/accounts";
import { sum } from "../domain/decimal";
import type { NamedEvent } from "../domain/range-change";
import { presetRange, yearEarlier, type TimeRange } from "../domain/time-range";
import { formatDate, formatSnapshotAge, formatSnapshotTime } from "../format/dates";
import { describeAccount, describeOrigin, describeUsual, twinDetail } from "../format/labels";
import { formatCount } from "../format/numbers";
import { Link } from "../router";

const NO_POINTS: readonly Point[] = [];
const NO_EVENTS: readonly NamedEvent[] = [];

export function OverviewPage(): JSX.Element {
  return (
    <>
      <PageHeading title="Overview" />
      <TimeZoneProposal />
      <Overview />
    </>
  );
}

function Overview(): JSX.Element {
  const [range, setRange] = useState<TimeRange>(() => presetRange("1Y"));
  const [currency, setCurrency] = useState<string | null>(null);
  const [isComparing, setIsComparing] = useState(false);
  const key = `${range.start.getTime()}/${range.end.getTime()}`;
  const latest = useResource("latest", (signal) =>
    get("/api/v1/balance-snapshots", { query: { detail: "evidence" }, signal }),
  );
  const accounts = useResource("accounts", fetchAccounts);
  const history = useResource(`totals/${key}`, (signal) => fetchTotals(range, signal));
  const earlier = useResource(isComparing ? `totals/earlier/${key}` : null, (signal) =>
    fetchTotals(yearEarlier(range), signal),
  );
  const sparklines = useResource(`sparklines/${key}`, (signal) => fetchSparklines(range, signal));

  const totals = accounts.data
    ? sortByUse(latest.data?.total_balance_by_currency ?? {}, accounts.data)
    : [];
  const chosenCurrency = totals.some(([code]) => code === currency) ? currency : (totals[0]?.[0] ?? null);
  const seriesIn = (series: readonly TotalSeries[] | undefined): TotalSeries | undefined =>
    series?.find((one) => one.currency === chosenCurrency);
  const chosen = seriesIn(history.data);
  const names = useMemo(() => new Map(accounts.data?.map(({ id, name }) => [id, name])), [accounts.data]);
  const events = useMemo(
    () => chosen?.events.map((event) => ({ ...event, name: names.get(event.account_id) ?? "" })) ?? NO_EVENTS,
    [chosen, names],
  );
  const earlierPoints = useMemo(
    () => (isComparing ? shiftPoints(seriesIn(earlier.data)?.points ?? NO_POINTS, 1) : undefined),
    [isComparing, earlier.data, chosenCurrency],
  );

  if (accounts.error && !accounts.data) {
    return <ErrorNotice error={accounts.error} retry={accounts.reload} />;
  }
  if (accounts.data && latest.data && totals.length === 0) {
    return <EmptyState hasAccounts={accounts.data.length > 0} />;
  }
  return (
    <>
      {latest.data && accounts.data ? (
        <Totals totals={totals} history={history.data} chosenCurrency={chosenCurrency} onChoose={setCurrency} />
      ) : (
        <Skeleton lines={2} label="Loading the totals" />
      )}
      <Joins accounts={accounts.data ?? []} />
      <Holds names={names} />
      <ErrorNotice error={latest.error} retry={latest.reload} />
      <ErrorNotice error={history.error} retry={history.reload} />
      {chosenCurrency && (
        <BalanceHistory
          name="Net worth"
          points={chosen?.points ?? NO_POINTS}
          change={chosen?.change}
          events={events}
          earlier={earlierPoints}
          currency={chosenCurrency}
          range={range}
          onRangeChange={setRange}
          isComparing={isComparing}
          onCompareChange={setIsComparing}
          isLoading={history.isLoading || earlier.isLoading}
          isOfTotal
          empty={
            history.isLoading ? (
              <Skeleton lines={1} />
            ) : history.error ? null : (
              <p>Nothing was recorded in this range.</p>
            )
          }
        />
      )}
      {accounts.data && latest.data ? (
        <Accounts accounts={accounts.data} latest={latest.data} sparklines={sparklines.data} />
      ) : (
        <Skeleton lines={6} label="Loading the accounts" />
      )}
    </>
  );
}

function Totals({
  totals,
  history,
  chosenCurrency,
  onChoose,
}: {
  totals: readonly [string, string][];
  history: readonly TotalSeries[] | undefined;
  chosenCurrency: string | null;
  onChoose: (currency: string) => void;
}): JSX.Element {
  return (
    <ul class="totals" aria-label="Totals">
      {totals.map(([currency, total]) => {
        const change = history?.find((series) => series.currency === currency)?.change;
        const isChosen = currency === chosenCurrency;
        return (
          <li key={currency} class={isChosen ? "total is-selected" : "total"}>
            <button
              type="button"
              aria-pressed={isChosen}
              disabled={totals.length === 1}
              onClick={() => onChoose(currency)}
            >
              <span class="total-name">Net worth{totals.length > 1 && ` in ${currency}`}</span>
              <Amount text={total} currency={currency} isLarge />
              {change && <RangeChangeLabel change={change} currency={currency} />}
              {change && <CoverageChange change={change} currency={currency} />}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

/** The balances of accounts that were added or closed within the range. */
function CoverageChange({ change, currency }: { change: RangeChange; currency: string }): JSX.Element {
  return (
    <>
      {change.added_accounts > 0 && (
        <span class="subtext">
          <Amount text={change.added_amount} currency={currency} isSigned /> by{" "}
          {formatCount(change.added_accounts, "account", "accounts")} added
        </span>
      )}
      {change.closed_accounts > 0 && (
        <span class="subtext">
          <Amount text={change.closed_amount} currency={currency} isSigned /> by{" "}
          {formatCount(change.closed_accounts, "account", "accounts")} closed
        </span>
      )}
    </>
  );
}

function Accounts({
  accounts,
  latest,
  sparklines,
}: {
  accounts: readonly Account[];
  latest: Schemas["LatestSnapshots"];
  sparklines: Map<string, AccountSeries> | undefined;
}): JSX.Element {
  const snapshots = new Map(latest.snapshots.map((snapshot) => [snapshot.account_id, snapshot]));
  const visible = accounts.filter((account) => snapshots.has(account.id));
  const groups = [
    { title: "Assets", accounts: visible.filter((account) => !isLiability(account)) },
    { title: "Liabilities", accounts: visible.filter(isLiability) },
  ].filter((group) => group.accounts.length > 0);
  const hiddenCount = accounts.length - visible.length;
  return (
    <div class="groups">
      {groups.map((group) => (
        <section key={group.title} class="group">
          <header>
            <h2>{group.title}</h2>
            <p class="subtotals">
              {sumByCurrency(group.accounts, snapshots).map(([currency, text]) => (
                <Amount key={currency} text={text} currency={currency} />
              ))}
            </p>
          </header>
          <table class="accounts">
            <thead class="visually-hidden">
              <tr>
                <th scope="col">Account</th>
                <th scope="col">Shape</th>
                <th scope="col">Change</th>
                <th scope="col">Balance</th>
              </tr>
            </thead>
            <tbody>
              {group.accounts.map((account) => (
                <AccountRow
                  key={account.id}
                  account={account}
                  snapshot={snapshots.get(account.id)!}
                  series={sparklines?.get(account.id)}
                  accounts={accounts}
                />
              ))}
            </tbody>
          </table>
        </section>
      ))}
      {hiddenCount > 0 && (
        <p class="muted">
          {formatCount(hiddenCount, "account is", "accounts are")} hidden, closed or without a balance.{" "}
          <Link to="/settings">See all accounts</Link>
        </p>
      )}
    </div>
  );
}

function AccountRow({
  account,
  snapshot,
  series,
  accounts,
}: {
  account: Account;
  snapshot: Snapshot;
  series: AccountSeries | undefined;
  accounts: readonly Account[];
}): JSX.Element {
  const begins = series?.coverage_events.find(({ kind }) => kind === "begins");
  return (
    <tr>
      <th scope="row">
        <Link to={`/accounts/${account.id}`} class="account-name">
          {account.name}
        </Link>
        <span class="subtext">{describeAccount(account, twinDetail(account, accounts))}</span>
      </th>
      <td class="account-sparkline">{series && <Sparkline points={series.points} />}</td>
      <td class="account-change">
        {series && <RangeChangeLabel change={series.change} currency={account.currency} />}
        {begins && <span class="subtext wide-only">since {formatDate(begins.at)}</span>}
      </td>
      <td class="account-balance">
        <Amount text={snapshot.balance} currency={snapshot.currency} />
        <span class="account-date">
          <span title={`${describeOrigin(snapshot)}, ${formatSnapshotTime(snapshot)}`}>
            {account.is_stale ? (
              <Badge tone="warn">
                last heard {formatSnapshotAge(snapshot)}
                <span class="wide-only">{describeUsual(account)}</span>
              </Badge>
            ) : (
              <>
                {formatSnapshotAge(snapshot)}
                <span class="wide-only"> · {describeOrigin(snapshot)}</span>
              </>
            )}
          </span>
        </span>
      </td>
    </tr>
  );
}

function EmptyState({ hasAccounts }: { hasAccounts: boolean }): JSX.Element {
  return (
    <div class="empty-state">
      <svg class="empty-state-line" viewBox="0 0 640 120" preserveAspectRatio="none" aria-hidden="true">
        <path d="M0 78H70V60H140V84H210V52H290V70H350V44H420V66H490V36H560V50H640" />
      </svg>
      <h2>{hasAccounts ? "No account is shown" : "Your history begins here"}</h2>
      <p>
        {hasAccounts
          ? "Every account is hidden, closed, or has no balance yet."
          : "Import a statement: every balance in it becomes a point of your history. Or keep an account by hand."}
      </p>
      <p class="actions">
        <Link to="/import" class="button is-primary">
          Import a statement
        </Link>
        <Link to="/connections" class="button">
          Add an account
        </Link>
        {hasAccounts && (
          <Link to="/settings" class="button">
            Show accounts
          </Link>
        )}
      </p>
    </div>
  );
}

function sumByCurrency(
  accounts: readonly Account[],
  snapshots: ReadonlyMap<string, Snapshot>,
): [string, string][] {
  const byCurrency = new Map<string, string[]>();
  for (const account of accounts) {
    const { currency, balance } = snapshots.get(account.id)!;
    byCurrency.set(currency, [...(byCurrency.get(currency) ?? []), balance]);
  }
  return [...byCurrency].sort().map(([currency, balances]) => [currency, sum(balances)]);
}

/** Sort the currency of most accounts first: amounts of two currencies cannot be compared. */
function sortByUse(
  totals: Readonly<Record<string, string>>,
  accounts: readonly Account[],
): [string, string][] {
  const uses = (currency: string): number =>
    accounts.filter((account) => account.currency === currency).length;
  return Object.entries(totals).sort(([a], [b]) => uses(b) - uses(a) || (a < b ? -1 : 1));
}

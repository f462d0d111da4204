/** Overview: where one stands, how it came to that, and of what it is made. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { get, type Account, type Shapes } from "../api/client";
import type { Point } from "../chart/points";
import { sum } from "../domain/decimal";
import { History } from "../chart/balance-history";
import { aYearEarlier, shiftYears, showAgo, showMinute, spanOf, type Span } from "../format/dates";
import { allAccounts, shapes, totals, type Shape, type TotalSeries } from "../api/queries";
import { useResource } from "../api/use-resource";
import { Link } from "../router";
import { Sparkline } from "../chart/sparkline";
import { isStale } from "../domain/staleness";
import { Amount, Badge, ChangeShown, Failed, Heading, Waiting, changeOf } from "../components/ui";
import { SOURCES, TYPES, count, isLiability } from "../format/labels";

type Latest = Shapes["LatestSnapshots"];

export function Overview(): JSX.Element {
  const [span, setSpan] = useState<Span>(() => spanOf("1Y"));
  const [currency, setCurrency] = useState<string | null>(null);
  const [isComparing, setIsComparing] = useState(false);
  const key = `${span.start.getTime()}/${span.end.getTime()}`;
  const latest = useResource("latest", (signal) => get("/api/v1/balance-snapshots", { signal }));
  const accounts = useResource("accounts", allAccounts);
  const history = useResource(`totals/${key}`, (signal) => totals(span, signal));
  const earlier = useResource(isComparing ? `totals/earlier/${key}` : null, (signal) =>
    totals(aYearEarlier(span), signal),
  );
  const sparklines = useResource(`shapes/${key}`, (signal) => shapes(span, signal));

  const sums = accounts.data
    ? byUse(latest.data?.total_balance_by_currency ?? {}, accounts.data)
    : [];
  const chosen = sums.some(([code]) => code === currency) ? currency : (sums[0]?.[0] ?? null);
  const series = history.data?.find((found) => found.currency === chosen);
  const before = useMemo(
    () => (isComparing ? moved(earlier.data?.find((found) => found.currency === chosen)) : undefined),
    [isComparing, earlier.data, chosen],
  );

  if (accounts.failure && !accounts.data) {
    return (
      <Page>
        <Failed failure={accounts.failure} retry={accounts.reload} />
      </Page>
    );
  }
  if (accounts.data && latest.data && sums.length === 0) {
    return (
      <Page>
        <Nothing hasAccounts={accounts.data.length > 0} />
      </Page>
    );
  }
  return (
    <Page>
      {latest.data && accounts.data ? (
        <Totals sums={sums} history={history.data} chosen={chosen} choose={setCurrency} />
      ) : (
        <Waiting lines={2} label="Loading the totals" />
      )}
      {latest.failure && <Failed failure={latest.failure} retry={latest.reload} />}
      {history.failure && <Failed failure={history.failure} retry={history.reload} />}
      {chosen && (
        <History
          name="Net worth"
          points={series?.points ?? NONE}
          earlier={before}
          currency={chosen}
          span={span}
          onSpan={setSpan}
          isComparing={isComparing}
          onCompare={setIsComparing}
          isLoading={history.isLoading || earlier.isLoading}
          isOfTotals
          empty={history.isLoading ? <Waiting lines={1} /> : history.failure ? null : <p>Nothing was recorded in this range.</p>}
        />
      )}
      {accounts.data && latest.data ? (
        <Accounts accounts={accounts.data} latest={latest.data} shapes={sparklines.data} />
      ) : (
        <Waiting lines={6} label="Loading the accounts" />
      )}
    </Page>
  );
}

const NONE: readonly Point[] = [];

function Page({ children }: { children: preact.ComponentChildren }): JSX.Element {
  return (
    <>
      <Heading title="Overview" />
      {children}
    </>
  );
}

function Totals({
  sums,
  history,
  chosen,
  choose,
}: {
  sums: readonly [string, string][];
  history: readonly TotalSeries[] | undefined;
  chosen: string | null;
  choose: (currency: string) => void;
}): JSX.Element {
  return (
    <ul class="totals" aria-label="Totals">
      {sums.map(([currency, total]) => {
        const points = history?.find((series) => series.currency === currency)?.points;
        const isChosen = currency === chosen;
        return (
          <li key={currency} class={isChosen ? "total is-chosen" : "total"}>
            <button
              type="button"
              aria-pressed={isChosen}
              disabled={sums.length === 1}
              onClick={() => choose(currency)}
            >
              <span class="total-name">Net worth{sums.length > 1 && ` in ${currency}`}</span>
              <Amount text={total} currency={currency} isLarge />
              {points && <ChangeShown change={changeOf(points)} currency={currency} />}
            </button>
          </li>
        );
      })}
    </ul>
  );
}

function Accounts({
  accounts,
  latest,
  shapes: drawn,
}: {
  accounts: readonly Account[];
  latest: Latest;
  shapes: Map<string, Shape> | undefined;
}): JSX.Element {
  const snapshots = new Map(latest.snapshots.map((snapshot) => [snapshot.account_id, snapshot]));
  const shown = accounts.filter((account) => snapshots.has(account.id));
  const groups = [
    { title: "Assets", accounts: shown.filter((account) => !isLiability(account)) },
    { title: "Liabilities", accounts: shown.filter(isLiability) },
  ].filter((group) => group.accounts.length > 0);
  const left = accounts.length - shown.length;
  return (
    <div class="groups">
      {groups.map((group) => (
        <section key={group.title} class="group">
          <header>
            <h2>{group.title}</h2>
            <p class="subtotals">
              {subtotals(group.accounts, snapshots).map(([currency, text]) => (
                <Amount key={currency} text={text} currency={currency} />
              ))}
            </p>
          </header>
          <table class="accounts">
            <thead class="unseen">
              <tr>
                <th scope="col">Account</th>
                <th scope="col">Shape</th>
                <th scope="col">Change</th>
                <th scope="col">Balance</th>
              </tr>
            </thead>
            <tbody>
              {group.accounts.map((account) => (
                <Row
                  key={account.id}
                  account={account}
                  snapshot={snapshots.get(account.id)!}
                  shape={drawn?.get(account.id)}
                />
              ))}
            </tbody>
          </table>
        </section>
      ))}
      {left > 0 && (
        <p class="quiet">
          {count(left, "account is", "accounts are")} hidden, closed or without a balance.{" "}
          <Link to="/settings">See all accounts</Link>
        </p>
      )}
    </div>
  );
}

function Row({
  account,
  snapshot,
  shape,
}: {
  account: Account;
  snapshot: Shapes["Snapshot"];
  shape: Shape | undefined;
}): JSX.Element {
  return (
    <tr>
      <th scope="row">
        <Link to={`/accounts/${account.id}`} class="account-name">
          {account.name}
        </Link>
        <span class="account-what">
          {[account.institution, TYPES[account.account_type]].filter(Boolean).join(" · ")}
        </span>
      </th>
      <td class="account-shape">{shape && <Sparkline points={shape} />}</td>
      <td class="account-change">
        {shape && <ChangeShown change={changeOf(shape)} currency={account.currency} />}
      </td>
      <td class="account-balance">
        <Amount text={snapshot.balance} currency={snapshot.currency} />
        <span class="account-when">
          <span title={`${SOURCES[snapshot.source]}, ${showMinute(snapshot.captured_at)}`}>
            {showAgo(snapshot.captured_at)}
            <span class="wide-only"> · {SOURCES[snapshot.source]}</span>
          </span>
          {isStale(snapshot) && <Badge tone="warn">Stale</Badge>}
        </span>
      </td>
    </tr>
  );
}

function Nothing({ hasAccounts }: { hasAccounts: boolean }): JSX.Element {
  return (
    <div class="welcome">
      <svg class="welcome-line" viewBox="0 0 640 120" preserveAspectRatio="none" aria-hidden="true">
        <path d="M0 96H70V84H140V90H210V66H290V58H350V70H420V44H490V36H560V18H640" />
      </svg>
      <h2>{hasAccounts ? "No account is shown" : "Your history begins here"}</h2>
      <p>
        {hasAccounts
          ? "Every account is hidden, closed, or has no balance yet."
          : "Import a statement, and every balance in it becomes a point on a line that only grows. Or keep an account by hand."}
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

function subtotals(
  accounts: readonly Account[],
  snapshots: ReadonlyMap<string, Shapes["Snapshot"]>,
): [string, string][] {
  const byCurrency = new Map<string, string[]>();
  for (const account of accounts) {
    const { currency, balance } = snapshots.get(account.id)!;
    byCurrency.set(currency, [...(byCurrency.get(currency) ?? []), balance]);
  }
  return [...byCurrency].sort().map(([currency, balances]) => [currency, sum(balances)]);
}

/** The currency of most accounts first: amounts of two currencies cannot be compared. */
function byUse(
  sums: Readonly<Record<string, string>>,
  accounts: readonly Account[],
): [string, string][] {
  const uses = (currency: string): number =>
    accounts.filter((account) => account.currency === currency).length;
  return Object.entries(sums).sort(([a], [b]) => uses(b) - uses(a) || (a < b ? -1 : 1));
}

function moved(series: TotalSeries | undefined): Point[] {
  return (series?.points ?? []).map((point) => ({
    ...point,
    time: shiftYears(new Date(point.time * 1000), 1).getTime() / 1000,
  }));
}

/** One account: its line, any day's balance, what it holds, and every recorded balance. */

import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";

import { get, type Account, type Shapes } from "../api/client";
import { pointOf, type Point } from "../chart/points";
import { csvOf } from "../format/csv";
import { DayFinder } from "./balance-on-day";
import { History } from "../chart/balance-history";
import { HoldingsTable } from "./holdings-table";
import { aYearEarlier, dayOf, shiftYears, showAgo, spanOf, type Span } from "../format/dates";
import { RecordedBy } from "../dialogs/snapshot-details";
import { accountHistory, allConnections, save } from "../api/queries";
import { useResource } from "../api/use-resource";
import { Link } from "../router";
import { SnapshotTable } from "./snapshot-table";
import { isStale } from "../domain/staleness";
import { TypeBalance } from "../dialogs/add-balance";
import { Amount, Badge, ChangeShown, Failed, Heading, Icon, Waiting } from "../components/ui";
import { SOURCES, TYPES, isFedByHand, isFedByProvider } from "../format/labels";

type Snapshot = Shapes["Snapshot"];
type SnapshotHistory = Shapes["SnapshotHistory"];

export function AccountPage({ id }: { id: string }): JSX.Element {
  const [span, setSpan] = useState<Span>(() => spanOf("1Y"));
  const [source, setSource] = useState("");
  const [isComparing, setIsComparing] = useState(false);
  const [isStacked, setIsStacked] = useState(false);
  const [shown, setShown] = useState<Snapshot | null>(null);
  const [isTyping, setIsTyping] = useState(false);

  const key = `${id}/${span.start.getTime()}/${span.end.getTime()}/${source}`;
  const account = useResource(`account/${id}`, (signal) =>
    get("/api/v1/accounts/{id}", { path: { id }, signal }),
  );
  const newest = useResource(`newest/${id}`, (signal) =>
    get("/api/v1/accounts/{id}/balance-snapshots", { path: { id }, query: { limit: 1 }, signal }),
  );
  const connections = useResource("connections", allConnections);
  const history = useResource(`history/${key}`, (signal) => accountHistory(id, span, { source }, signal));
  const [wholeKey, setWholeKey] = useState("");
  const whole = useResource(wholeKey === key ? `whole/${key}` : null, (signal) =>
    accountHistory(id, span, { source, isWhole: true }, signal),
  );
  const earlier = useResource(isComparing ? `history/earlier/${key}` : null, (signal) =>
    accountHistory(id, aYearEarlier(span), { source }, signal),
  );
  const holdings = useResource(`holdings/${id}`, (signal) =>
    get("/api/v1/accounts/{id}/holdings", { path: { id }, signal }),
  );

  const points = useMemo(() => pointsOf(history.data), [history.data]);
  const before = useMemo(() => (isComparing ? moved(earlier.data) : undefined), [isComparing, earlier.data]);
  const connection = connections.data?.find((found) => found.id === account.data?.connection_id);

  if (account.failure && !account.data) {
    return (
      <>
        <Heading title="Account" above={<Back />} />
        <Failed failure={account.failure} retry={account.reload} />
      </>
    );
  }
  if (!account.data) {
    return (
      <>
        <Heading title="Account" above={<Back />} />
        <Waiting lines={6} />
      </>
    );
  }
  const { currency, name } = account.data;
  const canStack = points.some((point) => point.cash !== null && point.holdingsText !== null);
  const last = newest.data?.snapshots[0];
  return (
    <>
      <Heading title={name} above={<Back />}>
        <p class="heading-what">{described(account.data)}</p>
      </Heading>
      <Standing
        account={account.data}
        newest={last}
        onType={isFedByProvider(connection) ? undefined : () => setIsTyping(true)}
      />
      {history.failure && <Failed failure={history.failure} retry={history.reload} />}
      <History
        name={name}
        points={points}
        earlier={before}
        currency={history.data?.currency ?? currency}
        span={span}
        onSpan={setSpan}
        isComparing={isComparing}
        onCompare={setIsComparing}
        isStepped={isFedByHand(connection)}
        isStacked={canStack && isStacked}
        isLoading={history.isLoading || earlier.isLoading}
        empty={
          history.isLoading ? (
            <Waiting lines={1} />
          ) : history.failure ? null : (
            <p>
              Nothing was recorded in this range{source && " by this source"}.
              {span.name !== "ALL" && (
                <button type="button" class="button is-small" onClick={() => setSpan(spanOf("ALL"))}>
                  Show everything
                </button>
              )}
            </p>
          )
        }
        tools={
          <>
            {canStack && (
              <button
                type="button"
                class={isStacked ? "pill is-chosen" : "pill"}
                aria-pressed={isStacked}
                onClick={() => setIsStacked(!isStacked)}
              >
                Holdings and cash
              </button>
            )}
            <label class="picker">
              <span class="unseen">Source</span>
              <select value={source} onChange={(event) => setSource(event.currentTarget.value)}>
                <option value="">Every source</option>
                {Object.entries(SOURCES).map(([value, title]) => (
                  <option key={value} value={value}>
                    {title}
                  </option>
                ))}
              </select>
            </label>
          </>
        }
      />
      <DayFinder accountId={id} onShow={setShown} />
      {(holdings.data?.total_count ?? 0) > 0 && <HoldingsTable holdings={holdings.data!.holdings} />}
      {history.data && history.data.total_count > 0 && (
        <SnapshotTable
          history={whole.data ?? history.data}
          isWhole={whole.data !== undefined}
          isLoading={whole.isLoading}
          failure={whole.failure}
          onWhole={() => (wholeKey === key ? whole.reload() : setWholeKey(key))}
          onShow={setShown}
          onSave={async () => {
            const every = whole.data ?? (await accountHistory(id, span, { source, isWhole: true }));
            save(csvOf(every), `${fileName(name)}-${dayOf(new Date())}.csv`);
          }}
        />
      )}
      {shown && <RecordedBy account={account.data} snapshot={shown} close={() => setShown(null)} />}
      {isTyping && <TypeBalance account={account.data} close={() => setIsTyping(false)} />}
    </>
  );
}

function Back(): JSX.Element {
  return (
    <Link to="/" class="back">
      <Icon name="back" /> Overview
    </Link>
  );
}

function Standing({
  account,
  newest,
  onType,
}: {
  account: Account;
  newest: Snapshot | undefined;
  onType: (() => void) | undefined;
}): JSX.Element {
  return (
    <div class="standing">
      <div>
        {account.balance === null ? (
          <p class="quiet">No balance yet.</p>
        ) : (
          <Amount text={account.balance} currency={account.currency} isLarge />
        )}
        {newest && (
          <p class="standing-when">
            {newest.change_amount !== null && (
              <ChangeShown
                change={{
                  amount: newest.change_amount,
                  percent: newest.change_percent === null ? null : newest.change_percent.toFixed(2),
                }}
                currency={newest.currency}
              />
            )}
            <span>
              {showAgo(newest.captured_at)} · {SOURCES[newest.source]}
            </span>
            {isStale(newest) && <Badge tone="warn">Stale</Badge>}
            {account.closed_at && <Badge>Closed</Badge>}
            {account.is_hidden && <Badge>Hidden</Badge>}
          </p>
        )}
        {account.available_balance !== null && (
          <p class="quiet">
            Available <Amount text={account.available_balance} currency={account.currency} />
          </p>
        )}
      </div>
      {onType && (
        <button type="button" class="button" onClick={onType}>
          Type a balance
        </button>
      )}
    </div>
  );
}

function described(account: Account): string {
  return [account.institution, TYPES[account.account_type], account.account_number_masked]
    .filter(Boolean)
    .join(" · ");
}

function pointsOf(history: SnapshotHistory | undefined): Point[] {
  return (history?.snapshots ?? []).map((snapshot) =>
    pointOf(snapshot.captured_at, snapshot.balance, {
      cash: snapshot.cash_value,
      holdings: snapshot.holdings_value,
    }),
  );
}

function moved(history: SnapshotHistory | undefined): Point[] {
  return pointsOf(history).map((point) => ({
    ...point,
    time: shiftYears(new Date(point.time * 1000), 1).getTime() / 1000,
  }));
}

function fileName(name: string): string {
  return name.toLowerCase().replace(/[^\p{L}\p{N}]+/gu, "-").replace(/^-|-$/g, "") || "account";
}

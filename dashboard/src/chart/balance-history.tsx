/** The history of a balance: a chart with its readout, its range, and for a total its table. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import type { RangeChange } from "../api/types";
import { Amount, ChangeLabel, RangeChangeLabel } from "../components/amount";
import { changeBetween, overallChange, type Change } from "../domain/decimal";
import { changeWithout, eventsBetween, type NamedEvent } from "../domain/range-change";
import { formatDate, formatDateTime } from "../format/dates";
import { formatAmount, formatPercent } from "../format/money";
import { formatCount } from "../format/numbers";
import { areAmountsHidden } from "../preferences";
import { Chart } from "./chart";
import { PointTable } from "./point-table";
import { earlierAt, visibleRange, type Point } from "./points";
import { RangeControls, type RangeControlsProps } from "./range-controls";

const MAX_NAMED_EVENTS = 2;

export interface BalanceHistoryProps extends RangeControlsProps {
  readonly name: string;
  /** The points of a year earlier; undefined without a comparison. */
  readonly earlier: readonly Point[] | undefined;
  readonly currency: string;
  /** The change over the range; undefined where it is that of the points. */
  readonly change: RangeChange | undefined;
  /** The accounts that begin or end within the range. */
  readonly events: readonly NamedEvent[];
  readonly isStepped?: boolean;
  readonly isStacked?: boolean;
  readonly isLoading: boolean;
  /** Shown in place of the chart when there are no points. */
  readonly empty: ComponentChildren;
  /** Whether the points are totals: the page shows their change above, and a table follows below. */
  readonly isOfTotal?: boolean;
}

export function BalanceHistory(props: BalanceHistoryProps): JSX.Element {
  const { points, earlier, currency, range, onRangeChange } = props;
  const [cursor, setCursor] = useState<number | null>(null);
  const cursorIndex = cursor !== null && cursor < points.length ? cursor : null;
  const visible = visibleRange(points, range);
  return (
    <section class={props.isLoading ? "history is-loading" : "history"} aria-label={`History of ${props.name}`}>
      <Readout {...props} cursor={cursorIndex} />
      <div class="chart-area">
        {points.length > 0 ? (
          <Chart
            points={points}
            earlier={earlier}
            events={props.events}
            currency={currency}
            start={visible.start}
            end={visible.end}
            isStepped={props.isStepped ?? false}
            isStacked={props.isStacked ?? false}
            cursor={cursorIndex}
            onCursorChange={setCursor}
            onRangeSelect={(start, end) => onRangeChange({ preset: null, start, end })}
            summary={summarize(props, points)}
            describePoint={(index) => describePoint(props, index)}
          />
        ) : (
          <div class="chart-empty">{props.empty}</div>
        )}
      </div>
      <RangeControls {...props} />
      {props.isOfTotal && points.length > 0 && <PointTable points={points} events={props.events} currency={currency} />}
    </section>
  );
}

/** The balance at the cursor, or without a cursor the change over the whole line. */
function Readout(props: BalanceHistoryProps & { cursor: number | null }): JSX.Element {
  const { points, earlier, currency, cursor, change, isComparing, isStacked, isOfTotal } = props;
  const first = points[0];
  const current = points[cursor ?? points.length - 1];
  if (!first || !current) return <div class="readout" />;
  const earlierPoint = earlierAt(earlier, current);
  return (
    <div class="readout">
      <div>
        <span class="muted">
          {cursor !== null
            ? formatPointTime(current)
            : change && !isOfTotal && change.opening === null
              ? `Since ${formatDate(first.at)}`
              : `${formatDate(startOfChange(props, first))} – ${formatDate(current.at)}`}
        </span>
        <span class="readout-value">
          {cursor !== null && <Amount text={current.balance} currency={currency} />}
          {cursor !== null || !change ? (
            <ChangeLabel change={changeUpTo(props, current)} currency={currency} />
          ) : (
            !isOfTotal && <RangeChangeLabel change={change} currency={currency} />
          )}
        </span>
        {cursor !== null && current.isCarried && <span class="muted">nothing new was recorded</span>}
        {cursor !== null && <Events events={eventsAt(props, cursor)} currency={currency} />}
        {cursor !== null && (current.carried ?? 0) > 0 && (
          <span class="muted wide-only">
            {current.carried} of {current.accounts} accounts without news that day
          </span>
        )}
        {cursor !== null && (current.missing ?? 0) > 0 && (
          <span class="muted wide-only">{formatCount(current.missing!, "account begins", "accounts begin")} later</span>
        )}
      </div>
      {isStacked && current.cashText !== null && current.holdingsText !== null && (
        <div class="readout-row">
          <span class="legend">
            Holdings <Amount text={current.holdingsText} currency={currency} />
          </span>
          <span class="legend is-cash">
            Cash <Amount text={current.cashText} currency={currency} />
          </span>
        </div>
      )}
      {isComparing && (
        <div class="readout-row">
          <span class="legend is-earlier">A year earlier</span>
          {earlierPoint ? (
            <>
              <Amount text={earlierPoint.balance} currency={currency} />
              <ChangeLabel change={changeBetween(earlierPoint.balance, current.balance)} currency={currency} />
            </>
          ) : (
            <span class="muted">nothing was recorded</span>
          )}
        </div>
      )}
    </div>
  );
}

/** Return the time from which the change counts: the start of the range, where a balance stood then. */
function startOfChange({ change, range }: BalanceHistoryProps, first: Point): Date | string {
  return change && change.opening !== null && range.preset !== "ALL" ? range.start : first.at;
}

function formatPointTime(point: Point): string {
  return point.isDay ? formatDate(point.at) : formatDateTime(point.at);
}

/** The accounts that begin or end at a point: by name, or only their number, so that the readout stays small. */
function Events({ events, currency }: { events: readonly NamedEvent[]; currency: string }): JSX.Element {
  if (events.length > MAX_NAMED_EVENTS) {
    const begins = events.filter(({ kind }) => kind === "begins").length;
    const ends = events.length - begins;
    return (
      <span>
        {[begins && formatCount(begins, "account begins", "accounts begin"), ends && formatCount(ends, "account ends", "accounts end")]
          .filter(Boolean)
          .join(", ")}
      </span>
    );
  }
  return (
    <>
      {events.map((event) => (
        <span key={event.account_id + event.kind}>
          {event.name} {event.kind} with <Amount text={event.balance} currency={currency} />
        </span>
      ))}
    </>
  );
}

/** Return the change of the accounts up to a point, from the beginning of the range. */
function changeUpTo({ points, events, change, isOfTotal }: BalanceHistoryProps, point: Point): Change {
  if (!change || !isOfTotal) return changeBetween(points[0]!.balance, point.balance);
  const upTo = changeWithout(eventsBetween(events, undefined, point.at), change.opening ?? "0", point.balance);
  return change.change_percent === null ? { ...upTo, percent: null } : upTo;
}

/** Return the accounts that begin or end between the point before and this one. */
function eventsAt({ points, events }: BalanceHistoryProps, index: number): NamedEvent[] {
  return eventsBetween(events, points[index - 1]?.at, points[index]!.at);
}

function describePoint(props: BalanceHistoryProps, index: number): string {
  const { points, currency } = props;
  const first = points[0];
  const point = points[index];
  if (!first || !point) return "";
  const change = changeUpTo(props, point);
  const balance = areAmountsHidden.peek() ? "amount hidden" : formatAmount(point.balance, currency);
  const since =
    index === 0 || change.percent === null
      ? ""
      : `, ${formatPercent(change.percent)} since ${formatDate(first.at)}`;
  const events = eventsAt(props, index).map((event) => `; ${event.name} ${event.kind}`);
  return `${formatPointTime(point)}: ${balance}${since}${events.join("")}`;
}

function summarize(props: BalanceHistoryProps, points: readonly Point[]): string {
  const { name, currency, change: ofRange } = props;
  const first = points[0]!;
  const last = points.at(-1)!;
  const change = ofRange
    ? { amount: ofRange.change_amount, percent: ofRange.change_percent?.toFixed(2) ?? null }
    : overallChange(points)!;
  const percent = change.percent === null ? "" : ` (${formatPercent(change.percent)})`;
  const period = `${name} from ${formatDate(startOfChange(props, first))} to ${formatDate(last.at)}`;
  if (areAmountsHidden.peek()) return `${period}: amounts are hidden${percent}.`;
  const amount = (text: string): string => formatAmount(text, currency);
  const lowest = points.reduce((a, b) => (b.value < a.value ? b : a));
  const highest = points.reduce((a, b) => (b.value > a.value ? b : a));
  return (
    `${period}: ${amount(ofRange?.opening ?? first.balance)} to ${amount(last.balance)}, ` +
    `a change of ${formatAmount(change.amount, currency, { isSigned: true })}${percent}. ` +
    `Lowest ${amount(lowest.balance)} on ${formatDate(lowest.at)}, ` +
    `highest ${amount(highest.balance)} on ${formatDate(highest.at)}.`
  );
}

/** The history of a balance: a chart with its readout, its range, and for a total its table. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { Amount, ChangeLabel } from "../components/amount";
import { changeBetween, overallChange } from "../domain/decimal";
import { formatDate, formatDateTime } from "../format/dates";
import { formatAmount, formatPercent } from "../format/money";
import { areAmountsHidden } from "../preferences";
import { Chart } from "./chart";
import { PointTable } from "./point-table";
import { nearestIndex, visibleRange, type Point } from "./points";
import { RangeControls, type RangeControlsProps } from "./range-controls";

export interface BalanceHistoryProps extends RangeControlsProps {
  readonly name: string;
  /** The points of a year earlier; undefined without a comparison. */
  readonly earlier: readonly Point[] | undefined;
  readonly currency: string;
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
            currency={currency}
            start={visible.start}
            end={visible.end}
            isStepped={props.isStepped ?? false}
            isStacked={props.isStacked ?? false}
            cursor={cursorIndex}
            onCursorChange={setCursor}
            onRangeSelect={(start, end) => onRangeChange({ preset: null, start, end })}
            summary={summarize(props.name, points, currency)}
            describePoint={(index) => describePoint(points, index, currency)}
          />
        ) : (
          <div class="chart-empty">{props.empty}</div>
        )}
      </div>
      <RangeControls {...props} />
      {props.isOfTotal && points.length > 0 && <PointTable points={points} currency={currency} />}
    </section>
  );
}

/** The balance at the cursor, or without a cursor the change over the whole line. */
function Readout({
  points,
  earlier,
  currency,
  cursor,
  isComparing,
  isStacked,
  isOfTotal,
}: BalanceHistoryProps & { cursor: number | null }): JSX.Element {
  const first = points[0];
  const current = points[cursor ?? points.length - 1];
  if (!first || !current) return <div class="readout" />;
  const earlierPoint = earlier?.length ? earlier[nearestIndex(earlier, current.time, "before")] : undefined;
  return (
    <div class="readout">
      <div>
        <span class="muted">
          {cursor === null ? `${formatDate(first.at)} – ${formatDate(current.at)}` : formatPointTime(current)}
        </span>
        <span class="readout-value">
          {cursor !== null && <Amount text={current.balance} currency={currency} />}
          {!(isOfTotal && cursor === null) && (
            <ChangeLabel change={changeBetween(first.balance, current.balance)} currency={currency} />
          )}
        </span>
        {cursor !== null && (current.carried ?? 0) > 0 && (
          <span class="muted wide-only">
            {current.carried} of {current.accounts} accounts without news that day
          </span>
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
          {earlierPoint && earlierPoint.time <= current.time ? (
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

function formatPointTime(point: Point): string {
  return point.isDay ? formatDate(point.at) : formatDateTime(point.at);
}

function describePoint(points: readonly Point[], index: number, currency: string): string {
  const first = points[0];
  const point = points[index];
  if (!first || !point) return "";
  const change = changeBetween(first.balance, point.balance);
  const balance = areAmountsHidden.peek() ? "amount hidden" : formatAmount(point.balance, currency);
  const since =
    index === 0 || change.percent === null
      ? ""
      : `, ${formatPercent(change.percent)} since ${formatDate(first.at)}`;
  return `${formatPointTime(point)}: ${balance}${since}`;
}

function summarize(name: string, points: readonly Point[], currency: string): string {
  const first = points[0]!;
  const last = points.at(-1)!;
  const change = overallChange(points)!;
  const percent = change.percent === null ? "" : ` (${formatPercent(change.percent)})`;
  const period = `${name} from ${formatDate(first.at)} to ${formatDate(last.at)}`;
  if (areAmountsHidden.peek()) return `${period}: amounts are hidden${percent}.`;
  const amount = (text: string): string => formatAmount(text, currency);
  const lowest = points.reduce((a, b) => (b.value < a.value ? b : a));
  const highest = points.reduce((a, b) => (b.value > a.value ? b : a));
  return (
    `${period}: ${amount(first.balance)} to ${amount(last.balance)}, ` +
    `a change of ${formatAmount(change.amount, currency, { isSigned: true })}${percent}. ` +
    `Lowest ${amount(lowest.balance)} on ${formatDate(lowest.at)}, ` +
    `highest ${amount(highest.balance)} on ${formatDate(highest.at)}.`
  );
}

/** A balance's history: its range, its line, what stands under the cursor, and the same as a table. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { Amount, ChangeLabel } from "../components/amount";
import { Icon } from "../components/icon";
import { SegmentedControl } from "../components/segmented-control";
import { toIsoDate } from "../domain/calendar";
import { changeBetween, overallChange } from "../domain/decimal";
import { RANGE_PRESETS, adjacentRange, customRange, presetRange, type TimeRange } from "../domain/time-range";
import { formatDate, formatInstant } from "../format/dates";
import { RANGE_LABELS } from "../format/labels";
import { formatAmount, formatPercent } from "../format/money";
import { areAmountsHidden } from "../preferences";
import { Chart } from "./chart";
import { nearestIndex, visibleRange, type Point } from "./points";

export interface BalanceHistoryProps {
  readonly name: string;
  readonly points: readonly Point[];
  /** Undefined where no comparison is asked for. */
  readonly earlier: readonly Point[] | undefined;
  readonly currency: string;
  readonly range: TimeRange;
  readonly onRangeChange: (range: TimeRange) => void;
  readonly isComparing: boolean;
  readonly onCompareChange: (on: boolean) => void;
  readonly isStepped?: boolean;
  readonly isStacked?: boolean;
  readonly isLoading: boolean;
  /** More to choose beside the range. */
  readonly extraControls?: ComponentChildren;
  /** What stands in place of the line when there is none. */
  readonly empty: ComponentChildren;
  /** Whether the totals stand above with their changes, and no table of snapshots below. */
  readonly isOfTotal?: boolean;
}

export function BalanceHistory(props: BalanceHistoryProps): JSX.Element {
  const { points, earlier, currency, range, onRangeChange } = props;
  const [cursor, setCursor] = useState<number | null>(null);
  const cursorIndex = cursor !== null && cursor < points.length ? cursor : null;
  const visible = visibleRange(points, range);
  const describeAt = (index: number): string => describePoint(points, index, currency);
  return (
    <section class={props.isLoading ? "history is-loading" : "history"} aria-label={`History of ${props.name}`}>
      <Readout {...props} cursor={cursorIndex} />
      <div class="stage">
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
            describePoint={describeAt}
          />
        ) : (
          <div class="stage-empty">{props.empty}</div>
        )}
      </div>
      <RangeControls {...props} />
      {props.isOfTotal && points.length > 0 && <PointTable points={points} currency={currency} />}
    </section>
  );
}

/** What the line says where the cursor is, or from its beginning to its end. */
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
        <span class="readout-when">{cursor === null ? `${formatDate(first.at)} – ${formatDate(current.at)}` : formatPointTime(current)}</span>
        <span class="readout-what">
          {cursor !== null && <Amount text={current.balance} currency={currency} />}
          {!(isOfTotal && cursor === null) && (
            <ChangeLabel change={changeBetween(first.balance, current.balance)} currency={currency} />
          )}
        </span>
        {cursor !== null && (current.carried ?? 0) > 0 && (
          <span class="readout-when wide-only">
            {current.carried} of {current.accounts} accounts without news that day
          </span>
        )}
      </div>
      {isStacked && current.cashText !== null && current.holdingsText !== null && (
        <div class="readout-more">
          <span class="key is-holdings">
            Holdings <Amount text={current.holdingsText} currency={currency} />
          </span>
          <span class="key is-cash">
            Cash <Amount text={current.cashText} currency={currency} />
          </span>
        </div>
      )}
      {isComparing && (
        <div class="readout-more">
          <span class="key is-earlier">A year earlier</span>
          {earlierPoint && earlierPoint.time <= current.time ? (
            <>
              <Amount text={earlierPoint.balance} currency={currency} />
              <ChangeLabel change={changeBetween(earlierPoint.balance, current.balance)} currency={currency} />
            </>
          ) : (
            <span class="quiet">nothing was recorded</span>
          )}
        </div>
      )}
    </div>
  );
}

function RangeControls({ range, onRangeChange, isComparing, onCompareChange, extraControls, points }: BalanceHistoryProps): JSX.Element {
  const [isCustom, setIsCustom] = useState(false);
  const visible = visibleRange(points, range);
  const isAll = range.preset === "ALL";
  const isNewest = range.end.getTime() >= Date.now() - 60_000;
  return (
    <div class="ranges">
      <div class="ranges-row">
        <SegmentedControl
          label="Range"
          options={RANGE_PRESETS}
          value={range.preset}
          onChange={(name) => onRangeChange(presetRange(name))}
          descriptions={RANGE_LABELS}
        />
        <div class="ranges-more">
          <button
            type="button"
            class="ghost"
            aria-label="Earlier"
            disabled={isAll}
            onClick={() => onRangeChange(adjacentRange(range, -1))}
          >
            <Icon name="back" />
          </button>
          <button
            type="button"
            class="ghost"
            aria-label="Later"
            disabled={isAll || isNewest}
            onClick={() => onRangeChange(adjacentRange(range, 1))}
          >
            <Icon name="forward" />
          </button>
          <button
            type="button"
            class={range.preset === null ? "pill is-chosen" : "pill"}
            aria-expanded={isCustom}
            onClick={() => setIsCustom(!isCustom)}
          >
            Dates
          </button>
          <button
            type="button"
            class={isComparing ? "pill is-chosen" : "pill"}
            aria-pressed={isComparing}
            onClick={() => onCompareChange(!isComparing)}
          >
            Compare<span class="wide-only"> with a year earlier</span>
          </button>
          {extraControls}
        </div>
      </div>
      {isCustom && (
        <form
          class="dates"
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            onRangeChange(customRange(String(form.get("from")), String(form.get("to"))));
          }}
        >
          <label>
            From <input type="date" name="from" required value={toIsoDate(visible.start)} max={toIsoDate(new Date())} />
          </label>
          <label>
            to <input type="date" name="to" required value={toIsoDate(visible.end)} max={toIsoDate(new Date())} />
          </label>
          <button type="submit" class="button is-small">
            Show
          </button>
        </form>
      )}
    </div>
  );
}

function PointTable({ points, currency }: { points: readonly Point[]; currency: string }): JSX.Element {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details class="as-table" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>Show as a table</summary>
      {isOpen && (
        <div class="scroll" tabIndex={0} role="region" aria-label="Balances as a table">
          <table class="figures">
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col" class="number">
                  Total
                </th>
                <th scope="col" class="number">
                  Change
                </th>
                <th scope="col" class="number wide-only">
                  Accounts
                </th>
              </tr>
            </thead>
            <tbody>
              {points.map((point, index) => {
                const previous = points[index - 1];
                return (
                  <tr key={point.at}>
                    <th scope="row">{formatDate(point.at)}</th>
                    <td class="number">
                      <Amount text={point.balance} currency={currency} />
                    </td>
                    <td class="number">
                      {previous && (
                        <ChangeLabel change={changeBetween(previous.balance, point.balance)} currency={currency} />
                      )}
                    </td>
                    <td class="number wide-only">{point.accounts}</td>
                  </tr>
                );
              }).reverse()}
            </tbody>
          </table>
        </div>
      )}
    </details>
  );
}

/** The point of a total stands for a day, whatever its time. */
function formatPointTime(point: Point): string {
  return point.accounts === undefined ? formatInstant(point.at) : formatDate(point.at);
}

function describePoint(points: readonly Point[], index: number, currency: string): string {
  const first = points[0];
  const point = points[index];
  if (!first || !point) return "";
  const hidden = areAmountsHidden.peek();
  const change = changeBetween(first.balance, point.balance);
  const balance = hidden ? "amount hidden" : formatAmount(point.balance, currency);
  const percent = change.percent === null ? "" : `, ${formatPercent(change.percent)} since ${formatDate(first.at)}`;
  return `${formatPointTime(point)}: ${balance}${index === 0 ? "" : percent}`;
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

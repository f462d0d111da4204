/** A balance's history: its range, its line, what stands under the cursor, and the same as a table. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { formatAmount, formatPercent } from "../format/money";
import { Chart } from "./chart";
import { nearest, type Point } from "./points";
import { changeBetween } from "../domain/decimal";
import {
  RANGES,
  RANGE_WORDS,
  customSpan,
  dayOf,
  neighbour,
  showDay,
  showMinute,
  spanOf,
  type Span,
} from "../format/dates";
import { areAmountsHidden, locale } from "../preferences";
import { Amount, ChangeShown, Choice, Icon, changeOf } from "../components/ui";

export interface HistoryProps {
  readonly name: string;
  readonly points: readonly Point[];
  /** Undefined where no comparison is asked for. */
  readonly earlier: readonly Point[] | undefined;
  readonly currency: string;
  readonly span: Span;
  readonly onSpan: (span: Span) => void;
  readonly isComparing: boolean;
  readonly onCompare: (on: boolean) => void;
  readonly isStepped?: boolean;
  readonly isStacked?: boolean;
  readonly isLoading: boolean;
  /** More to choose beside the range. */
  readonly tools?: ComponentChildren;
  /** What stands in place of the line when there is none. */
  readonly empty: ComponentChildren;
  /** Whether the totals stand above with their changes, and no table of snapshots below. */
  readonly isOfTotals?: boolean;
}

const DAY_S = 86_400;

export function History(props: HistoryProps): JSX.Element {
  const { points, earlier, currency, span, onSpan } = props;
  const [cursor, setCursor] = useState<number | null>(null);
  const shown = cursor !== null && cursor < points.length ? cursor : null;
  const drawn = extent(points, span);
  const describe = (index: number): string => described(points, index, currency);
  return (
    <section class={props.isLoading ? "history is-loading" : "history"} aria-label={`History of ${props.name}`}>
      <Readout {...props} cursor={shown} />
      <div class="stage">
        {points.length > 0 ? (
          <Chart
            points={points}
            earlier={earlier}
            currency={currency}
            start={drawn.start}
            end={drawn.end}
            isStepped={props.isStepped ?? false}
            isStacked={props.isStacked ?? false}
            cursor={shown}
            onCursor={setCursor}
            onRange={(start, end) => onSpan({ name: null, start, end })}
            summary={summary(props.name, points, currency)}
            describe={describe}
          />
        ) : (
          <div class="stage-empty">{props.empty}</div>
        )}
      </div>
      <Ranges {...props} />
      {props.isOfTotals && points.length > 0 && <PointTable points={points} currency={currency} />}
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
  isOfTotals,
}: HistoryProps & { cursor: number | null }): JSX.Element {
  const first = points[0];
  const at = points[cursor ?? points.length - 1];
  if (!first || !at) return <div class="readout" />;
  const before = earlier?.length ? earlier[nearest(earlier, at.time, "before")] : undefined;
  return (
    <div class="readout">
      <div>
        <span class="readout-when">{cursor === null ? `${showDay(first.at)} – ${showDay(at.at)}` : showTime(at)}</span>
        <span class="readout-what">
          {cursor !== null && <Amount text={at.balance} currency={currency} />}
          {!(isOfTotals && cursor === null) && (
            <ChangeShown change={changeBetween(first.balance, at.balance)} currency={currency} />
          )}
        </span>
        {cursor !== null && (at.carried ?? 0) > 0 && (
          <span class="readout-when wide-only">
            {at.carried} of {at.accounts} accounts without news that day
          </span>
        )}
      </div>
      {isStacked && at.cashText !== null && at.holdingsText !== null && (
        <div class="readout-more">
          <span class="key is-holdings">
            Holdings <Amount text={at.holdingsText} currency={currency} />
          </span>
          <span class="key is-cash">
            Cash <Amount text={at.cashText} currency={currency} />
          </span>
        </div>
      )}
      {isComparing && (
        <div class="readout-more">
          <span class="key is-earlier">A year earlier</span>
          {before && before.time <= at.time ? (
            <>
              <Amount text={before.balance} currency={currency} />
              <ChangeShown change={changeBetween(before.balance, at.balance)} currency={currency} />
            </>
          ) : (
            <span class="quiet">nothing was recorded</span>
          )}
        </div>
      )}
    </div>
  );
}

function Ranges({ span, onSpan, isComparing, onCompare, tools, points }: HistoryProps): JSX.Element {
  const [isCustom, setIsCustom] = useState(false);
  const drawn = extent(points, span);
  const isAll = span.name === "ALL";
  const isNewest = span.end.getTime() >= Date.now() - 60_000;
  return (
    <div class="ranges">
      <div class="ranges-row">
        <Choice
          label="Range"
          options={RANGES}
          chosen={span.name}
          choose={(name) => onSpan(spanOf(name))}
          titles={RANGE_WORDS}
        />
        <div class="ranges-more">
          <button
            type="button"
            class="ghost"
            aria-label="Earlier"
            disabled={isAll}
            onClick={() => onSpan(neighbour(span, -1))}
          >
            <Icon name="back" />
          </button>
          <button
            type="button"
            class="ghost"
            aria-label="Later"
            disabled={isAll || isNewest}
            onClick={() => onSpan(neighbour(span, 1))}
          >
            <Icon name="on" />
          </button>
          <button
            type="button"
            class={span.name === null ? "pill is-chosen" : "pill"}
            aria-expanded={isCustom}
            onClick={() => setIsCustom(!isCustom)}
          >
            Dates
          </button>
          <button
            type="button"
            class={isComparing ? "pill is-chosen" : "pill"}
            aria-pressed={isComparing}
            onClick={() => onCompare(!isComparing)}
          >
            Compare<span class="wide-only"> with a year earlier</span>
          </button>
          {tools}
        </div>
      </div>
      {isCustom && (
        <form
          class="dates"
          onSubmit={(event) => {
            event.preventDefault();
            const form = new FormData(event.currentTarget);
            onSpan(customSpan(String(form.get("from")), String(form.get("to"))));
          }}
        >
          <label>
            From <input type="date" name="from" required value={dayOf(drawn.start)} max={dayOf(new Date())} />
          </label>
          <label>
            to <input type="date" name="to" required value={dayOf(drawn.end)} max={dayOf(new Date())} />
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
                const before = points[index - 1];
                return (
                  <tr key={point.at}>
                    <th scope="row">{showDay(point.at)}</th>
                    <td class="number">
                      <Amount text={point.balance} currency={currency} />
                    </td>
                    <td class="number">
                      {before && (
                        <ChangeShown change={changeBetween(before.balance, point.balance)} currency={currency} />
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

/** The part of the range that there is something to see of. */
export function extent(points: readonly Point[], { start, end }: Span): { start: Date; end: Date } {
  const first = points[0]?.time;
  if (first === undefined) return { start, end };
  const last = points.at(-1)!.time;
  const from = Math.max(start.getTime() / 1000, first - (last === first ? DAY_S : 0));
  const to = Math.max(from + DAY_S / 24, Math.min(end.getTime() / 1000, Date.now() / 1000));
  return { start: new Date(from * 1000), end: new Date(to * 1000) };
}

function showTime(point: Point): string {
  // A day without a time is noon UTC everywhere in the API.
  return /T12:00:00Z$/.test(point.at) || point.accounts !== undefined
    ? showDay(point.at)
    : showMinute(point.at);
}

function described(points: readonly Point[], index: number, currency: string): string {
  const first = points[0];
  const point = points[index];
  if (!first || !point) return "";
  const hidden = areAmountsHidden.peek();
  const change = changeBetween(first.balance, point.balance);
  const balance = hidden ? "amount hidden" : formatAmount(point.balance, currency, { locale });
  const percent = change.percent === null ? "" : `, ${formatPercent(change.percent, locale)} since ${showDay(first.at)}`;
  return `${showTime(point)}: ${balance}${index === 0 ? "" : percent}`;
}

function summary(name: string, points: readonly Point[], currency: string): string {
  const first = points[0]!;
  const last = points.at(-1)!;
  const change = changeOf(points)!;
  const percent = change.percent === null ? "" : ` (${formatPercent(change.percent, locale)})`;
  const when = `${name} from ${showDay(first.at)} to ${showDay(last.at)}`;
  if (areAmountsHidden.peek()) return `${when}: amounts are hidden${percent}.`;
  const amount = (text: string): string => formatAmount(text, currency, { locale });
  const lowest = points.reduce((a, b) => (b.value < a.value ? b : a));
  const highest = points.reduce((a, b) => (b.value > a.value ? b : a));
  return (
    `${when}: ${amount(first.balance)} to ${amount(last.balance)}, ` +
    `a change of ${formatAmount(change.amount, currency, { locale, signed: true })}${percent}. ` +
    `Lowest ${amount(lowest.balance)} on ${showDay(lowest.at)}, ` +
    `highest ${amount(highest.balance)} on ${showDay(highest.at)}.`
  );
}

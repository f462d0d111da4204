/** The points of a chart as a table, which the reader opens. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { CoverageEvent } from "../api/types";
import { Amount, ChangeLabel } from "../components/amount";
import { changeWithout, eventsBetween } from "../domain/range-change";
import { formatDate } from "../format/dates";
import type { Point } from "./points";

export function PointTable({
  points,
  events,
  currency,
}: {
  points: readonly Point[];
  events: readonly CoverageEvent[];
  currency: string;
}): JSX.Element {
  const [isOpen, setIsOpen] = useState(false);
  return (
    <details class="table-toggle" onToggle={(event) => setIsOpen(event.currentTarget.open)}>
      <summary>Show as a table</summary>
      {isOpen && (
        <div class="scroll-area" tabIndex={0} role="region" aria-label="Balances as a table">
          <table class="data-table">
            <thead>
              <tr>
                <th scope="col">Day</th>
                <th scope="col" class="number">Total</th>
                <th scope="col" class="number">Change</th>
                <th scope="col" class="number wide-only">Accounts</th>
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
                        <ChangeLabel
                          change={changeWithout(
                            eventsBetween(events, previous.at, point.at),
                            previous.balance,
                            point.balance,
                          )}
                          currency={currency}
                        />
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

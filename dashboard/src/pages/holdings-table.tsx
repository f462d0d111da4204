/** The holdings of an account, as of their last sync. */

import type { JSX } from "preact";

import type { Holding } from "../api/types";
import { Amount } from "../components/amount";
import { Section } from "../components/section";
import { formatDate } from "../format/dates";
import { HIDDEN_DIGITS, formatQuantity } from "../format/money";
import { areAmountsHidden } from "../preferences";

export function HoldingsTable({ holdings }: { holdings: readonly Holding[] }): JSX.Element {
  const isHidden = areAmountsHidden.value;
  return (
    <Section title="Holdings" aside={<span class="muted">As of {formatDate(holdings[0]!.as_of)}</span>}>
      <table class="data-table">
        <thead>
          <tr>
            <th scope="col">Position</th>
            <th scope="col" class="number wide-only">Quantity</th>
            <th scope="col" class="number wide-only">Price</th>
            <th scope="col" class="number">Value</th>
          </tr>
        </thead>
        <tbody>
          {holdings.map((holding) => (
            <tr key={holding.id}>
              <th scope="row">
                {holding.symbol}
                <span class="subtext">{holding.name}</span>
              </th>
              <td class="number wide-only">{isHidden ? HIDDEN_DIGITS : formatQuantity(holding.quantity)}</td>
              <td class="number wide-only">
                {holding.price !== null && <Amount text={holding.price} currency={holding.currency} />}
              </td>
              <td class="number">
                {holding.market_value !== null && (
                  <Amount text={holding.market_value} currency={holding.currency} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Section>
  );
}

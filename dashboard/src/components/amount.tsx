/** Amounts and their changes. */

import type { JSX } from "preact";

import type { Snapshot } from "../api/types";
import { signOf, type Change } from "../domain/decimal";
import { amountParts, formatPercent } from "../format/money";
import { areAmountsHidden } from "../preferences";

export function Amount({
  text,
  currency,
  isSigned = false,
  isLarge = false,
}: {
  text: string;
  currency: string;
  isSigned?: boolean;
  isLarge?: boolean;
}): JSX.Element {
  const isHidden = areAmountsHidden.value;
  const { prefix, whole, fraction, suffix } = amountParts(text, currency, { isSigned, isHidden });
  if (isHidden) {
    return (
      <span class={isLarge ? "amount is-large is-hidden" : "amount is-hidden"}>
        <span aria-hidden="true">
          {prefix}
          {whole}
          {suffix}
        </span>
        <span class="visually-hidden">Amount hidden</span>
      </span>
    );
  }
  return (
    <data class={isLarge ? "amount is-large" : "amount"} value={text}>
      {prefix}
      {whole}
      {fraction && <span class="fraction">{fraction}</span>}
      {suffix}
    </data>
  );
}

/** A change and its percent, or nothing where there is no earlier balance. */
export function ChangeLabel({
  change,
  currency,
}: {
  change: Change | null;
  currency: string;
}): JSX.Element | null {
  if (!change) return null;
  const direction = ["is-down", "is-level", "is-up"][signOf(change.amount) + 1]!;
  return (
    <span class={`change ${direction}`}>
      <Amount text={change.amount} currency={currency} isSigned />
      {change.percent !== null && signOf(change.amount) !== 0 && (
        <span class="percent">{formatPercent(change.percent)}</span>
      )}
    </span>
  );
}

export function SnapshotChange({
  snapshot: { change_amount: amount, change_percent: percent, currency },
}: {
  snapshot: Snapshot;
}): JSX.Element {
  const change = amount === null ? null : { amount, percent: percent?.toFixed(2) ?? null };
  return <ChangeLabel change={change} currency={currency} />;
}

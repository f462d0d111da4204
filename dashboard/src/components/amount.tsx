/** Amounts and their changes. */

import type { JSX } from "preact";

import type { RangeChange, Snapshot } from "../api/types";
import { signOf, type Change } from "../domain/decimal";
import { PERCENT_REASON_LABELS } from "../format/labels";
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

/** A change and its percent or why there is none, or nothing where there is no earlier balance. */
export function ChangeLabel({
  change,
  currency,
  reason,
}: {
  change: Change | null;
  currency: string;
  reason?: string | undefined;
}): JSX.Element | null {
  if (!change) return null;
  const direction = ["is-down", "is-level", "is-up"][signOf(change.amount) + 1]!;
  return (
    <span class={`change ${direction}`}>
      <Amount text={change.amount} currency={currency} isSigned />
      {change.percent !== null && signOf(change.amount) !== 0 && (
        <span class="percent">{formatPercent(change.percent)}</span>
      )}
      {reason && signOf(change.amount) !== 0 && (
        <span class="percent no-percent" title={`No percent: ${reason}`}>
          no %<span class="visually-hidden">: {reason}</span>
        </span>
      )}
    </span>
  );
}

export function RangeChangeLabel({ change, currency }: { change: RangeChange; currency: string }): JSX.Element {
  const { change_amount: amount, change_percent: percent, change_percent_reason: reason } = change;
  return (
    <ChangeLabel
      change={{ amount, percent: percent?.toFixed(2) ?? null }}
      currency={currency}
      reason={reason ? PERCENT_REASON_LABELS[reason] : undefined}
    />
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

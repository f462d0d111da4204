/** Says a typed balance back before it is recorded. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { startOfDay } from "../domain/calendar";
import { parseTypedAmount } from "../domain/typed-amount";
import { formatDate } from "../format/dates";
import { formatAmount } from "../format/money";

export interface Confirmation {
  /** Of the balance that was typed last; null before the first attempt. */
  readonly sentence: string | null;
  /** Return the balance as the API takes it, null where the user has not yet seen it said back. */
  readonly confirm: (typed: string, currency: string, day: string) => string | null;
}

export function useConfirmation(): Confirmation {
  const [sentence, setSentence] = useState<string | null>(null);
  const confirm = (typed: string, currency: string, day: string): string | null => {
    const balance = parseTypedAmount(typed, currency);
    // The API says best why a code is none.
    const amount = /^[A-Z]{3}$/.test(currency) ? formatAmount(balance, currency) : balance;
    const said = `You typed ${amount} (${currency}) for ${formatDate(startOfDay(day))}.`;
    setSentence(said);
    return said === sentence ? balance : null;
  };
  return { sentence, confirm };
}

export function SaidBack({ sentence }: Confirmation): JSX.Element {
  return (
    <p role="status" class="said-back">
      {sentence && <strong>{sentence}</strong>}
    </p>
  );
}

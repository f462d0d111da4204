/** Changes over a range, apart from accounts that begin or end within it. */

import type { CoverageEvent } from "../api/types";
import { changeBetween, sum, type Change } from "./decimal";

/** A beginning or an end, with the name of its account. */
export type NamedEvent = CoverageEvent & { readonly name: string };

/** Return the events after one instant (or from the beginning) up to another, included. */
export function eventsBetween<Event extends CoverageEvent>(
  events: readonly Event[],
  after: string | undefined,
  until: string,
): Event[] {
  const from = after === undefined ? Number.NEGATIVE_INFINITY : Date.parse(after);
  return events.filter(({ at }) => from < Date.parse(at) && Date.parse(at) <= Date.parse(until));
}

/** Return the change between two totals, less the balances of accounts that begin or end between them. */
export function changeWithout(events: readonly CoverageEvent[], from: string, to: string): Change {
  const balances = events.map(({ kind, balance }) => (kind === "begins" ? balance : negate(balance)));
  const change = changeBetween(sum([from, ...balances]), to);
  return events.length === 0 ? change : { ...change, percent: null };
}

function negate(text: string): string {
  return text.startsWith("-") ? text.slice(1) : `-${text}`;
}

/** The API's terms as the reader sees them. */

import type { Account, AccountResult, Connection, RangeChange, Snapshot, SnapshotSource, Sync } from "../api/types";
import { isDay } from "../domain/snapshot-time";
import type { RangePreset } from "../domain/time-range";
import { formatDate, formatLikelyAge, formatRelative, formatSnapshotAge, formatSnapshotDay, formatTime } from "./dates";
import { formatCount, formatNumber } from "./numbers";

export const SOURCE_LABELS: Record<SnapshotSource, string> = {
  initial_connection: "First sync or import",
  account_sync: "Account sync or import",
  holdings_sync: "Holdings sync",
  manual_sync: "By hand",
  scheduled_sync: "Scheduled sync",
};

export const ACCOUNT_TYPE_LABELS: Record<Account["account_type"], string> = {
  checking: "Checking",
  savings: "Savings",
  money_market: "Money market",
  cd: "Certificate of deposit",
  credit_card: "Credit card",
  line_of_credit: "Line of credit",
  loan: "Loan",
  mortgage: "Mortgage",
  brokerage: "Brokerage",
  ira: "IRA",
  roth_ira: "Roth IRA",
  sep_ira: "SEP IRA",
  simple_ira: "SIMPLE IRA",
  "401k": "401(k)",
  "403b": "403(b)",
  hsa: "HSA",
  education: "Education",
  trust: "Trust",
  pension: "Pension",
  property: "Property",
  crypto: "Crypto",
  cash: "Cash",
  other: "Other",
};

export const CONNECTION_STATE_LABELS: Record<Connection["state"], string> = {
  active: "Working",
  needs_attention: "Needs a look",
  needs_reauthentication: "Sign in again",
  rate_limited: "Waiting",
  failing: "Failing",
  disconnected: "Disconnected",
};

export const SYNC_STATE_LABELS: Record<Sync["state"], string> = {
  running: "Running",
  succeeded: "Done",
  partial: "Partly done",
  failed: "Failed",
};

/** The state of an account after a run, where it is none of its connection's. */
const ACCOUNT_CODE_LABELS: Partial<Record<NonNullable<AccountResult["code"]>, string>> = {
  sign_in_needed: "Sign-in needed",
  institution_failed: "Bank not readable",
  account_failed: "Not readable",
  stale: "Old data",
  not_reported: "Not reported",
  no_balance: "No balance told",
  currency_changed: "Other currency",
  ambiguous_account: "Not told apart",
  duplicate_account: "Told twice",
  connected_elsewhere: "Fed elsewhere",
  join_proposed: "Perhaps a double",
  held: "Held",
};

/** Return the result of a run for an account in a few words. */
export function describeOutcome({ state, code, recorded, skipped }: AccountResult): string {
  if (state === "running") return "Being read";
  const label = code && ACCOUNT_CODE_LABELS[code];
  if (label) return label;
  if (recorded > 0) return `${formatCount(recorded, "balance")} recorded`;
  return skipped > 0 ? "Nothing new" : "Nothing recorded";
}

/** Return the age of an account's newest balance, by its provider's own clock where that is told. */
export function describeAge({ as_of, observed_at }: Account): string {
  if (as_of) return `as of ${formatRelative(as_of)}`;
  return observed_at ? `as of ${formatLikelyAge(observed_at)}` : "no balance yet";
}

/** Why a change has no percent. */
export const PERCENT_REASON_LABELS: Record<NonNullable<RangeChange["change_percent_reason"]>, string> = {
  no_opening: "several accounts begin in this range",
  zero_opening: "it began at zero",
  tiny_opening: "it began close to zero",
  crosses_zero: "it crossed zero",
  mostly_added: "most of the change is of accounts that begin in this range",
};

/** The providers that Dashtam reads itself: statement files and typed balances. */
export const LOCAL_PROVIDER_LABELS: Record<string, string> = {
  ofx: "OFX files",
  csv: "CSV files",
  balance_csv: "CSV files",
  mt940: "MT940 files",
  camt053: "camt.053 files",
  camt: "camt.053 files",
  workbook: "Spreadsheet files",
  coda: "CODA files",
  norma43: "Norma 43 files",
  cfonb120: "CFONB 120 files",
  bai2: "BAI2 files",
  qif: "QIF files",
  manual: "Kept by hand",
};

const CSV_PROVIDERS: readonly string[] = ["csv", "balance_csv"];

export function providerLabel(provider: string): string {
  return LOCAL_PROVIDER_LABELS[provider] ?? provider;
}

export function fileFormatLabel(slug: string): string {
  return providerLabel(slug).replace(/ files$/, "");
}

/** Return the first and the last day of a run's balances, as one where they are the same. */
export function describeDays({ first_on, last_on }: Pick<Sync, "first_on" | "last_on">): string {
  const days = [first_on, last_on].map((day) => day && formatDate(`${day}T00:00`));
  return [...new Set(days)].filter(Boolean).join(" – ");
}

/** Return the name, the format and the days of an import's file. */
export function describeFile(run: Sync): string {
  return [run.file_name, run.file_format && fileFormatLabel(run.file_format), describeDays(run)]
    .filter(Boolean)
    .join(", ");
}

/** Return the numbers of a run: "3 balances recorded, 2 known already". */
export function describeCounts({ recorded, skipped }: Pick<Sync, "recorded" | "skipped">): string {
  const known = skipped > 0 ? `, ${formatNumber(skipped)} known already` : "";
  return `${formatCount(recorded, "balance")} recorded${known}`;
}

/** The names of runs. */
export const RUN_LABELS = { import: "import", typed: "typed balance", sync: "sync" } as const;

/** Return the remarks on a run's balances, each once. */
export function runRemarks({ accounts }: Sync): string[] {
  return [...new Set(accounts.flatMap(({ remarks }) => remarks))];
}

/** Return the origin of a balance; without its account's connection the words are more general. */
export function describeOrigin(snapshot: Snapshot, connection?: Connection): string {
  const { evidence, source } = snapshot;
  if (!evidence) return SOURCE_LABELS[source];
  if (evidence.basis === "entered") return "Typed";
  if (evidence.basis === "observed") {
    return `${source === "initial_connection" ? "First sync" : "Synced"} ${formatTime(snapshot.captured_at)}`;
  }
  if (evidence.basis === "interim") return "Imported, interim";
  if (!connection) return "Imported";
  if (!(connection.provider in LOCAL_PROVIDER_LABELS)) return "From the provider's history";
  if (CSV_PROVIDERS.includes(connection.provider)) return "Imported from a CSV file";
  if (connection.provider === "workbook") return "Imported from a spreadsheet";
  return isDay(snapshot) ? `Imported from statement of ${formatSnapshotDay(snapshot)}` : "Imported from a statement";
}

/** Return the label of a connection to none of the live providers; its files can have several formats. */
export function connectionLabel(provider: string): string {
  return provider !== "manual" && provider in LOCAL_PROVIDER_LABELS ? "Statement files" : providerLabel(provider);
}

/** Spoken in place of the presets' short names. */
export const RANGE_LABELS: Record<RangePreset, string> = {
  "1D": "one day",
  "1W": "one week",
  "1M": "one month",
  "3M": "three months",
  YTD: "this year so far",
  "1Y": "one year",
  "5Y": "five years",
  ALL: "everything",
};

/** Return the usual time between an account's balances: "daily", "every 10 days". */
export function describeRhythm(days: number): string {
  if (days === 0) return "several times a day";
  if (days === 1) return "daily";
  if (days === 7) return "weekly";
  return days >= 28 && days <= 31 ? "monthly" : `every ${days} days`;
}

/** Return an account's rhythm as the end of a sentence, nothing where it has none. */
export function describeUsual({ coverage }: Account): string {
  const days = coverage?.usual_interval_days ?? null;
  return days === null ? "" : `; usually ${describeRhythm(days)}`;
}

/** Return the age of a stale account's balance, and its rhythm where it has one. */
export function describeStaleness(account: Account, snapshot: Snapshot): string {
  return `last heard ${formatSnapshotAge(snapshot)}${describeUsual(account)}`;
}

/** Return the account's name; where another one has it too, with the institution and more details as needed. */
export function accountTitle(account: Account, others: readonly Account[]): string {
  const { id, name, institution } = account;
  const hasTwin = others.some((other) => other.id !== id && other.name === name);
  return hasTwin ? [name, institution, twinDetail(account, others)].filter(Boolean).join(" · ") : name;
}

/** Return the details that tell an account from one of its name and institution, null where there is none. */
export function twinDetail(account: Account, others: readonly Account[]): string | null {
  const { id, name, institution, account_number_masked: number, currency, coverage, created_at } = account;
  const hasTwin = others.some((one) => one.id !== id && one.name === name && one.institution === institution);
  return hasTwin ? `${number ?? currency} · since ${formatDate(coverage?.since ?? created_at)}` : null;
}

/** Return the account's institution, its type, and more details, on one line. */
export function describeAccount(account: Account, ...more: (string | null)[]): string {
  return [account.institution, ACCOUNT_TYPE_LABELS[account.account_type], ...more].filter(Boolean).join(" · ");
}

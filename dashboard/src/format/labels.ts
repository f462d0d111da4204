/** The API's terms as a reader would say them. */

import type { Account, Connection, SnapshotSource, Sync } from "../api/types";

export const SOURCE_LABELS: Record<SnapshotSource, string> = {
  initial_connection: "First sync",
  account_sync: "Account sync",
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

const LIABILITY_TYPES = new Set<Account["account_type"]>([
  "credit_card",
  "line_of_credit",
  "loan",
  "mortgage",
]);

export function isLiability(account: Account): boolean {
  return LIABILITY_TYPES.has(account.account_type);
}

export const CONNECTION_STATE_LABELS: Record<Connection["state"], string> = {
  active: "Working",
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

const FILE_PROVIDER_LABELS: Record<string, string> = {
  ofx: "OFX files",
  csv: "CSV files",
  balance_csv: "CSV files",
  mt940: "MT940 files",
  camt053: "camt.053 files",
  camt: "camt.053 files",
  manual: "Kept by hand",
};

export function providerLabel(provider: string): string {
  return FILE_PROVIDER_LABELS[provider] ?? provider;
}

/** Whether a provider tells its balances, so that none may be typed beside them. */
export function isSyncedByProvider(connection: Connection | undefined): boolean {
  return connection !== undefined && !(connection.provider in FILE_PROVIDER_LABELS) && connection.state !== "disconnected";
}

export function isManual(connection: Connection | undefined): boolean {
  return connection?.provider === "manual";
}

export function formatCount(n: number, singular: string, plural: string = `${singular}s`): string {
  return `${n.toLocaleString()} ${n === 1 ? singular : plural}`;
}

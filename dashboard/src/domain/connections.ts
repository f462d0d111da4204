/** Rules about connections and their syncs. */

import type { Account, AccountResult, Connection, Sync } from "../api/types";
import { LOCAL_PROVIDER_LABELS } from "../format/labels";
import { DAY_MS } from "./calendar";

const EXPIRY_WARNING_MS = 14 * DAY_MS;
/** Of the whole institution, and not of one of its accounts. */
const INSTITUTION_CODES: readonly AccountResult["code"][] = ["sign_in_needed", "institution_failed", "stale"];

export function isManual(connection: Connection | undefined): boolean {
  return connection?.provider === "manual";
}

/** Whether its balances come from files or from the keyboard, and never from a provider. */
function isLocal(connection: Connection | undefined): boolean {
  return connection !== undefined && connection.provider in LOCAL_PROVIDER_LABELS;
}

/** Whether a provider sends the balances, so that none may be typed beside them. */
export function isSyncedByProvider(connection: Connection | undefined): boolean {
  return connection !== undefined && !isLocal(connection) && connection.state !== "disconnected";
}

/** Whether a run can be retracted as a whole: an import or a typed balance can, the sync of a provider cannot. */
export function isRetractable(sync: Sync, connection: Connection | undefined): boolean {
  return runKind(sync, connection) !== "sync" && sync.retracted_at === null && sync.recorded > 0;
}

/** Return the kind of a run: files and typed balances are no syncs. */
export function runKind(sync: Sync, connection: Connection | undefined): "import" | "typed" | "sync" {
  if (sync.file_format !== null) return "import";
  if (isManual(connection)) return "typed";
  // A typed balance is one transaction, as an import is; the sync of a provider is two.
  const isTypedRun = sync.source === "manual_sync" && sync.finished_at === sync.started_at;
  if (isTypedRun) return "typed";
  return isLocal(connection) ? "import" : "sync";
}

/** Whether the consent ends within two weeks, or has ended. */
export function endsSoon({ expires_at }: Connection, now: number = Date.now()): boolean {
  return expires_at !== null && Date.parse(expires_at) - now < EXPIRY_WARNING_MS;
}

export interface Institution {
  readonly name: string;
  readonly accounts: readonly Account[];
  /** The worst result that is of the whole institution. */
  readonly problem: AccountResult | undefined;
  /** Its sentences on itself, each once and without the account's name. */
  readonly sentences: readonly string[];
}

/** Return the newest result of each account that a run has, by the account's id. */
export function newestResults(
  accounts: readonly Account[],
  newestFirst: readonly Sync[],
): ReadonlyMap<string, AccountResult> {
  const results = new Map<string, AccountResult>();
  for (const account of accounts) {
    const sync = newestFirst.find((one) => one.accounts.some((result) => isResultOf(result, account)));
    const own = sync?.accounts.filter((result) => isResultOf(result, account)) ?? [];
    // Of joined accounts one goes on, and the others are silent.
    const result = own.find(({ state }) => state !== "failed") ?? own[0];
    if (result) results.set(account.id, result);
  }
  return results;
}

/** Return the sentence of a result without the name that it begins with. */
export function sentenceOf({ detail }: AccountResult, { name, joined_accounts: joined }: Account): string | null {
  if (detail?.startsWith(`${name}: `)) return detail.slice(name.length + 2);
  // An account that is joined has a name of its own.
  return joined.length > 0 && detail ? detail.replace(/^[^:]*: /, "") : detail;
}

/** Group accounts by institution, those with a problem first, then by name. */
export function byInstitution(
  accounts: readonly Account[],
  results: ReadonlyMap<string, AccountResult>,
): Institution[] {
  const names = [...new Set(accounts.map(({ institution }) => institution))];
  const institutions = names.map((name): Institution => {
    const own = accounts.filter(({ institution }) => institution === name);
    const failed = own.filter(({ id }) => isOfInstitution(results.get(id)));
    const sentences = failed.map((account) => sentenceOf(results.get(account.id)!, account));
    return {
      name,
      accounts: own,
      problem: failed[0] && results.get(failed[0].id),
      sentences: [...new Set(sentences.filter((sentence) => sentence !== null))],
    };
  });
  return institutions.sort(
    (a, b) => Number(Boolean(b.problem)) - Number(Boolean(a.problem)) || a.name.localeCompare(b.name),
  );
}

export function isOfInstitution(result: AccountResult | undefined): boolean {
  return result !== undefined && INSTITUTION_CODES.includes(result.code);
}

/** Return the part of the detail of a connection or a run that its accounts do not say, null where none is left. */
export function remainingDetail(
  { detail }: Pick<Connection | Sync, "detail">,
  accounts: readonly Account[],
  results: readonly AccountResult[],
): string | null {
  const said = results.flatMap((result) => {
    const account = accounts.find((one) => isResultOf(result, one));
    return account ? [result.detail, sentenceOf(result, account)] : [];
  });
  // The longer ones first: they have the others within them.
  const sentences = said.filter((sentence) => sentence !== null).sort((one, other) => other.length - one.length);
  const rest = sentences.reduce((text, sentence) => text.replaceAll(sentence, ""), detail ?? "");
  return rest.replace(/And \d+ more\./, "").trim() || null;
}

function isResultOf({ account_id }: AccountResult, { id, joined_accounts: joined }: Account): boolean {
  return account_id === id || joined.includes(account_id);
}

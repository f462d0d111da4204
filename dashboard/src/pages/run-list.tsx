/** The runs of a connection by name, with their days and numbers. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Account, Connection, Sync } from "../api/types";
import { Badge } from "../components/badge";
import { isRetractable, newestResults, remainingDetail, runKind, sentenceOf } from "../domain/connections";
import { formatDateTime } from "../format/dates";
import {
  RUN_LABELS,
  SYNC_STATE_LABELS,
  accountTitle,
  describeCounts,
  describeDays,
  fileFormatLabel,
  runRemarks,
} from "../format/labels";
import { formatCount } from "../format/numbers";

const INITIAL_RUNS = 3;

export function RunList({
  connection,
  accounts,
  syncs,
  onRetract,
}: {
  connection: Connection;
  accounts: readonly Account[];
  syncs: readonly Sync[];
  onRetract: (sync: Sync) => void;
}): JSX.Element {
  const [isExpanded, setIsExpanded] = useState(false);
  const visible = isExpanded ? syncs : syncs.filter(isNoteworthy).slice(0, INITIAL_RUNS);
  return (
    <>
      {visible.length > 0 && (
        <ul class="syncs" aria-label={`Runs of ${connection.name}`}>
          {visible.map((sync) => (
            <Run key={sync.id} sync={sync} connection={connection} accounts={accounts} onRetract={onRetract} />
          ))}
        </ul>
      )}
      {(isExpanded || syncs.length > visible.length) && (
        <button
          type="button"
          class="ghost has-label"
          aria-expanded={isExpanded}
          onClick={() => setIsExpanded(!isExpanded)}
        >
          {isExpanded ? "Show fewer" : `Show all ${syncs.length} runs`}
        </button>
      )}
    </>
  );
}

/** Whether a run is listed before all of them are: one without a new balance is not. */
function isNoteworthy(sync: Sync): boolean {
  return sync.recorded > 0 || sync.state !== "succeeded";
}

function Run({
  sync,
  connection,
  accounts,
  onRetract,
}: {
  sync: Sync;
  connection: Connection;
  accounts: readonly Account[];
  onRetract: (sync: Sync) => void;
}): JSX.Element {
  const kind = runKind(sync, connection);
  const touched = accounts.filter(({ id, joined_accounts: joined }) =>
    sync.accounts.some(({ account_id }) => account_id === id || joined.includes(account_id)),
  );
  const name =
    sync.file_name ??
    { import: "Imported file", typed: "Typed balance", sync: `${SYNC_NAMES[sync.source]} of ${connection.name}` }[kind];
  const startDay = sync.started_at.slice(0, 10);
  const isOfStartDay = sync.first_on === startDay && sync.last_on === startDay;
  const parts = [
    sync.file_format && fileFormatLabel(sync.file_format),
    (kind === "import" || !isOfStartDay) && describeDays(sync),
    describeCounts(sync),
    kind !== "sync" && touched.length <= 3 && touched.map((account) => accountTitle(account, accounts)).join(", "),
  ];
  return (
    <li class={sync.retracted_at ? "sync is-retracted" : "sync"}>
      <div>
        <p class="sync-heading">
          <strong>{name}</strong>
          <time class="muted" dateTime={sync.started_at}>
            {formatDateTime(sync.started_at)}
          </time>
          {sync.retracted_at ? (
            <Badge>Retracted</Badge>
          ) : (
            sync.state !== "succeeded" && (
              <Badge tone={sync.state === "running" ? "neutral" : "warn"}>{SYNC_STATE_LABELS[sync.state]}</Badge>
            )
          )}
        </p>
        <p class="muted">{parts.filter(Boolean).join(" · ")}</p>
        {runRemarks(sync).map((remark) => (
          <p key={remark} class="muted">
            {remark}
          </p>
        ))}
        {sync.state !== "running" && <Failures sync={sync} accounts={touched} isOpen={kind !== "sync"} />}
      </div>
      {isRetractable(sync, connection) && (
        <button
          type="button"
          class="ghost has-label"
          aria-label={`Retract the ${RUN_LABELS[kind]} of ${formatDateTime(sync.started_at)}`}
          onClick={() => onRetract(sync)}
        >
          Retract …
        </button>
      )}
    </li>
  );
}

/** The sentences of a run and of its accounts, each once; those of accounts behind their number. */
function Failures({
  sync,
  accounts,
  isOpen,
}: {
  sync: Sync;
  accounts: readonly Account[];
  isOpen: boolean;
}): JSX.Element | null {
  const results = newestResults(accounts, [sync]);
  const rest = remainingDetail(sync, accounts, sync.accounts);
  const names = new Map<string, string[]>();
  for (const account of accounts) {
    const sentence = sentenceOf(results.get(account.id)!, account);
    if (sentence) names.set(sentence, [...(names.get(sentence) ?? []), account.name]);
  }
  const lines = [...names].map(([sentence, of]) => (
    <p key={sentence} class="error">
      {of.join(", ")}: {sentence}
    </p>
  ));
  const count = [...names.values()].flat().length;
  return (
    <>
      {rest && <p class="error">{rest}</p>}
      {count > 0 &&
        (isOpen ? (
          lines
        ) : (
          <details class="table-toggle">
            <summary>{formatCount(count, "account")} with a remark</summary>
            {lines}
          </details>
        ))}
    </>
  );
}

const SYNC_NAMES: Record<Sync["source"], string> = {
  initial_connection: "First sync",
  account_sync: "Sync",
  holdings_sync: "Sync of holdings",
  manual_sync: "Refresh",
  scheduled_sync: "Scheduled sync",
};

/** One balance, its correction and retraction, and the run that recorded it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get } from "../api/client";
import type { Account, Connection, Snapshot } from "../api/types";
import { useResource } from "../api/use-resource";
import { Amount } from "../components/amount";
import { Dialog } from "../components/dialog";
import { ResourceStatus } from "../components/resource-status";
import { isRetractable, runKind } from "../domain/connections";
import { isDay } from "../domain/snapshot-time";
import { formatDateTime, formatSnapshotDay, formatSnapshotTime } from "../format/dates";
import { RUN_LABELS, SYNC_STATE_LABELS, describeCounts, describeFile, describeOrigin } from "../format/labels";
import { CorrectBalanceDialog, RetractBalanceDialog } from "./amend-balance";
import { RetractSyncDialog } from "./retract-sync";

export function SnapshotDetailsDialog({
  account,
  snapshot,
  connection,
  onClose,
}: {
  account: Account;
  snapshot: Snapshot;
  connection: Connection | undefined;
  onClose: () => void;
}): JSX.Element {
  const [action, setAction] = useState<"correct" | "retract" | "retractSync" | null>(null);
  const sync = useResource(`sync/${snapshot.id}`, (signal) =>
    get("/api/v1/accounts/{id}/balance-snapshots/{snapshot_id}/sync", {
      path: { id: account.id, snapshot_id: snapshot.id },
      signal,
    }),
  );
  if (action === "correct" || action === "retract") {
    const ActionDialog = action === "correct" ? CorrectBalanceDialog : RetractBalanceDialog;
    return <ActionDialog account={account} snapshot={snapshot} onClose={onClose} />;
  }
  if (action && sync.data) {
    return <RetractSyncDialog sync={sync.data} connection={connection} onClose={onClose} />;
  }
  const run = sync.data && RUN_LABELS[runKind(sync.data, connection)];
  return (
    <Dialog title={formatSnapshotDay(snapshot)} onClose={onClose}>
      <dl class="facts">
        <dt>Balance</dt>
        <dd>
          <Amount text={snapshot.balance} currency={snapshot.currency} />
        </dd>
        {snapshot.available_balance !== null && (
          <>
            <dt>Available</dt>
            <dd>
              <Amount text={snapshot.available_balance} currency={snapshot.currency} />
            </dd>
          </>
        )}
        <dt>{isDay(snapshot) ? "Of the day" : "Of the instant"}</dt>
        <dd>{formatSnapshotTime(snapshot)}</dd>
        <dt>Recorded</dt>
        <dd>{formatDateTime(snapshot.created_at)}</dd>
        <dt>Origin</dt>
        <dd>{describeOrigin(snapshot, connection)}</dd>
        {snapshot.evidence?.supersedes && (
          <>
            <dt>Corrected</dt>
            <dd>It stands in place of another balance.</dd>
          </>
        )}
      </dl>
      <p class="actions">
        <button type="button" class="button" onClick={() => setAction("correct")}>
          Correct …
        </button>
        <button type="button" class="button is-danger" onClick={() => setAction("retract")}>
          Take back …
        </button>
      </p>
      <h3>The {run ?? "run"} that recorded it</h3>
      <ResourceStatus resource={sync} lines={2} />
      {sync.data && (
        <>
          <dl class="facts">
            <dt>Run</dt>
            <dd>
              <code>{sync.data.id}</code>
            </dd>
            {describeFile(sync.data) && (
              <>
                <dt>{sync.data.file_format ? "File" : "Days"}</dt>
                <dd>{describeFile(sync.data)}</dd>
              </>
            )}
            <dt>State</dt>
            <dd>{SYNC_STATE_LABELS[sync.data.state]}</dd>
            <dt>Balances</dt>
            <dd>
              {describeCounts(sync.data)}
            </dd>
            <dt>Accounts</dt>
            <dd>{sync.data.accounts.length}</dd>
          </dl>
          {isRetractable(sync.data, connection) && (
            <p class="actions">
              <button type="button" class="button is-danger" onClick={() => setAction("retractSync")}>
                Retract this {run} …
              </button>
            </p>
          )}
        </>
      )}
    </Dialog>
  );
}

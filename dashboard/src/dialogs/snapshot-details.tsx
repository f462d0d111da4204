/** One balance, and the sync that recorded it. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get } from "../api/client";
import type { Account, Connection, Snapshot } from "../api/types";
import { useResource } from "../api/use-resource";
import { Amount } from "../components/amount";
import { Dialog } from "../components/dialog";
import { ResourceStatus } from "../components/resource-status";
import { isRetractable } from "../domain/connections";
import { formatDate, formatDateTime } from "../format/dates";
import { SOURCE_LABELS, SYNC_STATE_LABELS } from "../format/labels";
import { formatCount } from "../format/numbers";
import { RetractSyncDialog } from "./retract-sync";

export function SnapshotDetailsDialog({
  account,
  snapshot,
  connection,
  onClose,
}: {
  account: Account;
  connection: Connection | undefined;
  snapshot: Snapshot;
  onClose: () => void;
}): JSX.Element {
  const [isRetracting, setIsRetracting] = useState(false);
  const sync = useResource(`sync/${snapshot.id}`, (signal) =>
    get("/api/v1/accounts/{id}/balance-snapshots/{snapshot_id}/sync", {
      path: { id: account.id, snapshot_id: snapshot.id },
      signal,
    }),
  );
  if (isRetracting && sync.data) {
    return <RetractSyncDialog sync={sync.data} connection={connection} onClose={onClose} />;
  }
  return (
    <Dialog title={formatDate(snapshot.captured_at)} onClose={onClose}>
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
        <dt>Of the instant</dt>
        <dd>{formatDateTime(snapshot.captured_at)}</dd>
        <dt>Recorded</dt>
        <dd>{formatDateTime(snapshot.created_at)}</dd>
        <dt>Source</dt>
        <dd>{SOURCE_LABELS[snapshot.source]}</dd>
      </dl>
      <h3>The sync that recorded it</h3>
      <ResourceStatus resource={sync} lines={2} />
      {sync.data && (
        <>
          <dl class="facts">
            <dt>Run</dt>
            <dd>
              <code>{sync.data.id}</code>
            </dd>
            <dt>State</dt>
            <dd>{SYNC_STATE_LABELS[sync.data.state]}</dd>
            <dt>Recorded</dt>
            <dd>
              {formatCount(sync.data.recorded, "balance")}
              {sync.data.skipped > 0 && `, ${sync.data.skipped} known already`}
            </dd>
            <dt>Accounts</dt>
            <dd>{sync.data.accounts.length}</dd>
          </dl>
          {isRetractable(sync.data, connection) && (
            <p class="actions">
              <button type="button" class="button is-danger" onClick={() => setIsRetracting(true)}>
                Retract this sync …
              </button>
            </p>
          )}
        </>
      )}
    </Dialog>
  );
}

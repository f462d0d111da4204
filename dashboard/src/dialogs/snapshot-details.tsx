/** Which run recorded a balance, with the way to take a wrong one back. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get, type Account, type Snapshot } from "../api/client";
import { showDay, showMinute } from "../format/dates";
import { useResource } from "../api/use-resource";
import { Retract, canBeRetracted } from "./retract-sync";
import { Amount, Dialog, Failed, Waiting } from "../components/ui";
import { SOURCES, SYNC_STATES, count } from "../format/labels";

export function RecordedBy({
  account,
  snapshot,
  close,
}: {
  account: Account;
  snapshot: Snapshot;
  close: () => void;
}): JSX.Element {
  const [isRetracting, setIsRetracting] = useState(false);
  const run = useResource(`run-of/${snapshot.id}`, (signal) => 
    get("/api/v1/accounts/{id}/balance-snapshots/{snapshot_id}/sync", {
      path: { id: account.id, snapshot_id: snapshot.id },
      signal,
    }),
  );
  if (isRetracting && run.data) {
    return <Retract sync={run.data} close={close} />;
  }
  return (
    <Dialog title={showDay(snapshot.captured_at)} close={close}>
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
        <dd>{showMinute(snapshot.captured_at)}</dd>
        <dt>Recorded</dt>
        <dd>{showMinute(snapshot.created_at)}</dd>
        <dt>Source</dt>
        <dd>{SOURCES[snapshot.source]}</dd>
      </dl>
      <h3>The sync that recorded it</h3>
      {run.isLoading && <Waiting lines={2} />}
      {run.failure && <Failed failure={run.failure} retry={run.reload} />}
      {run.data && (
        <>
          <dl class="facts">
            <dt>Run</dt>
            <dd>
              <code>{run.data.id}</code>
            </dd>
            <dt>State</dt>
            <dd>{SYNC_STATES[run.data.state]}</dd>
            <dt>Recorded</dt>
            <dd>
              {count(run.data.recorded, "balance")}
              {run.data.skipped > 0 && `, ${run.data.skipped} known already`}
            </dd>
            <dt>Accounts</dt>
            <dd>{run.data.accounts.length}</dd>
          </dl>
          {canBeRetracted(run.data) && (
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

/** Taking a run back, after a question. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { remove, type Failure, type Sync } from "../api/client";
import { showMinute } from "../format/dates";
import { asFailure, everythingChanged } from "../api/use-resource";
import { Dialog, Failed } from "../components/ui";
import { count } from "../format/labels";

// Imports and typed balances only: what a provider said stays said.
const TAKEN_BACK: readonly Sync["source"][] = ["initial_connection", "account_sync", "holdings_sync", "manual_sync"];

export function canBeRetracted(sync: Sync): boolean {
  return sync.retracted_at === null && sync.recorded > 0 && TAKEN_BACK.includes(sync.source);
}

export function Retract({ sync, close }: { sync: Sync; close: () => void }): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const retract = async (): Promise<void> => {
    setIsBusy(true);
    try {
      await remove("/api/v1/syncs/{id}", { path: { id: sync.id } });
      everythingChanged();
      close();
    } catch (trouble) {
      setFailure(asFailure(trouble));
      setIsBusy(false);
    }
  };
  return (
    <Dialog title="Retract this sync?" close={close}>
      <p>
        {count(sync.recorded, "balance")} recorded on {showMinute(sync.started_at)} will be left out of
        every chart and total. Nothing is destroyed: the audit log keeps the retraction, and the same
        file can be imported again.
      </p>
      {failure && <Failed failure={failure} />}
      <p class="actions">
        <button type="button" class="button is-danger" disabled={isBusy} onClick={() => void retract()}>
          {isBusy ? "Retracting …" : "Retract"}
        </button>
        <button type="button" class="button" onClick={close}>
          Keep it
        </button>
      </p>
    </Dialog>
  );
}

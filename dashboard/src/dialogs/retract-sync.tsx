/** Taking a run back, after a question. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { remove } from "../api/client";
import { RequestError, toRequestError } from "../api/http";
import type { Sync } from "../api/types";
import { invalidateAll } from "../api/use-resource";
import { Dialog, ErrorNotice } from "../components/ui";
import { formatDateTime } from "../format/dates";
import { formatCount } from "../format/numbers";

export function RetractSyncDialog({ sync, onClose }: { sync: Sync; onClose: () => void }): JSX.Element {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const retract = async (): Promise<void> => {
    setIsBusy(true);
    try {
      await remove("/api/v1/syncs/{id}", { path: { id: sync.id } });
      invalidateAll();
      onClose();
    } catch (caught) {
      setError(toRequestError(caught));
      setIsBusy(false);
    }
  };
  return (
    <Dialog title="Retract this sync?" onClose={onClose}>
      <p>
        {formatCount(sync.recorded, "balance")} recorded on {formatDateTime(sync.started_at)} will be left out of
        every chart and total. Nothing is destroyed: the audit log keeps the retraction, and the same
        file can be imported again.
      </p>
      {error && <ErrorNotice error={error} />}
      <p class="actions">
        <button type="button" class="button is-danger" disabled={isBusy} onClick={() => void retract()}>
          {isBusy ? "Retracting …" : "Retract"}
        </button>
        <button type="button" class="button" onClick={onClose}>
          Keep it
        </button>
      </p>
    </Dialog>
  );
}

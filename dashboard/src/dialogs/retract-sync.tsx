/** The retraction of a run, after a question. */

import type { JSX } from "preact";

import { remove } from "../api/client";
import type { Connection, Sync } from "../api/types";
import { useAction } from "../api/use-action";
import { invalidateAll } from "../api/use-resource";
import { Dialog } from "../components/dialog";
import { ErrorNotice } from "../components/error-notice";
import { runKind } from "../domain/connections";
import { formatDateTime } from "../format/dates";
import { RUN_LABELS } from "../format/labels";
import { formatCount } from "../format/numbers";

export function RetractSyncDialog({
  sync,
  connection,
  onClose,
}: {
  sync: Sync;
  connection: Connection | undefined;
  onClose: () => void;
}): JSX.Element {
  const kind = runKind(sync, connection);
  const { error, isBusy, run } = useAction(async () => {
    await remove("/api/v1/syncs/{id}", { path: { id: sync.id } });
    invalidateAll();
    onClose();
  });
  return (
    <Dialog title={`Retract this ${RUN_LABELS[kind]}?`} onClose={onClose}>
      <p>
        {formatCount(sync.recorded, "balance")} recorded on {formatDateTime(sync.started_at)} will be left out of
        every chart and total. Nothing is destroyed: the audit log keeps the retraction, and{" "}
        {kind === "typed" ? "the balance can be typed again" : "the same file can be imported again"}.
      </p>
      <ErrorNotice error={error} />
      <p class="actions">
        <button type="button" class="button is-danger" disabled={isBusy} onClick={() => void run()}>
          {isBusy ? "Retracting …" : "Retract"}
        </button>
        <button type="button" class="button" onClick={onClose}>
          Keep it
        </button>
      </p>
    </Dialog>
  );
}

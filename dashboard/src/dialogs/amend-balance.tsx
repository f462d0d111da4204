/** The correction of one balance, and its retraction. */

import type { JSX } from "preact";

import { idempotencyHeader, post, remove } from "../api/client";
import type { Account, Snapshot } from "../api/types";
import { Amount } from "../components/amount";
import { FormDialog } from "../components/dialog";
import { Field } from "../components/form";
import { SaidBack, useConfirmation } from "../components/typed-balance";
import { isLiability } from "../domain/accounts";
import { toIsoDate } from "../domain/calendar";
import { placeOf } from "../domain/snapshot-time";
import { formatSnapshotDay } from "../format/dates";

interface AmendDialogProps {
  account: Account;
  snapshot: Snapshot;
  onClose: () => void;
}

export function CorrectBalanceDialog({ account, snapshot, onClose }: AmendDialogProps): JSX.Element {
  const confirmation = useConfirmation();
  const correct = async (fields: FormData): Promise<unknown> => {
    const day = toIsoDate(placeOf(snapshot));
    const balance = confirmation.confirm(String(fields.get("balance")), snapshot.currency, day);
    if (balance === null) return "unconfirmed";
    return post(
      "/api/v1/accounts/{id}/balance-snapshots/{snapshot_id}/correction",
      { balance, reason: String(fields.get("reason")) },
      { path: { id: account.id, snapshot_id: snapshot.id }, headers: idempotencyHeader() },
    );
  };
  return (
    <FormDialog
      title={`Correct ${formatSnapshotDay(snapshot)}`}
      submitLabel={confirmation.sentence ? "Yes, correct it" : "Correct"}
      onSubmit={correct}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            <Amount text={snapshot.balance} currency={snapshot.currency} /> stays in the records, and the right balance stands in
            its place.
          </p>
          <Field
            label={`Right balance in ${snapshot.currency}`}
            hint={isLiability(account) ? "A debt is typed negative: -1200.00" : undefined}
            error={errorOf("/balance")}
          >
            {(ids) => <input {...ids} name="balance" inputMode="decimal" autoComplete="off" required />}
          </Field>
          <ReasonField error={errorOf("/reason")} isRequired />
          <SaidBack {...confirmation} />
        </>
      )}
    </FormDialog>
  );
}

export function RetractBalanceDialog({ account, snapshot, onClose }: AmendDialogProps): JSX.Element {
  const retract = (fields: FormData): Promise<void> => {
    const reason = String(fields.get("reason")).trim();
    return remove(
      "/api/v1/accounts/{id}/balance-snapshots/{snapshot_id}",
      { path: { id: account.id, snapshot_id: snapshot.id } },
      reason ? { reason } : {},
    );
  };
  return (
    <FormDialog
      title={`Take back ${formatSnapshotDay(snapshot)}?`}
      submitLabel="Take it back"
      onSubmit={retract}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            <Amount text={snapshot.balance} currency={snapshot.currency} /> is left out of every chart and total. It stays in the
            records.
          </p>
          <ReasonField error={errorOf("/reason")} />
        </>
      )}
    </FormDialog>
  );
}

function ReasonField({ error, isRequired = false }: { error: string | undefined; isRequired?: boolean }): JSX.Element {
  return (
    <Field label={isRequired ? "Reason" : "Reason (optional)"} error={error}>
      {(ids) => <input {...ids} name="reason" maxLength={500} autoComplete="off" required={isRequired} />}
    </Field>
  );
}

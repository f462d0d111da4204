/** A balance that the owner of an account types. */

import type { JSX } from "preact";

import { get, idempotencyHeader, post } from "../api/client";
import type { Account } from "../api/types";
import { useResource } from "../api/use-resource";
import { FormDialog } from "../components/dialog";
import { Field } from "../components/form";
import { SaidBack, useConfirmation } from "../components/typed-balance";
import { isLiability } from "../domain/accounts";
import { toIsoDate } from "../domain/calendar";
import { typedTime } from "../format/dates";

export function AddBalanceDialog({ account, onClose }: { account: Account; onClose: () => void }): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const today = toIsoDate(new Date());
  const confirmation = useConfirmation();
  const recordBalance = async (fields: FormData): Promise<unknown> => {
    const day = String(fields.get("day"));
    const balance = confirmation.confirm(String(fields.get("balance")), account.currency, day);
    if (balance === null) return "unconfirmed";
    return post(
      "/api/v1/accounts/{id}/balance-snapshots",
      {
        balance,
        ...typedTime(day, user.data?.time_zone),
      },
      { path: { id: account.id }, headers: idempotencyHeader() },
    );
  };
  return (
    <FormDialog title="Type a balance" submitLabel={confirmation.sentence ? "Yes, record it" : "Record"} onSubmit={recordBalance} onClose={onClose}>
      {(errorOf) => (
        <>
          <Field
            label={`Balance in ${account.currency}`}
            hint={isLiability(account) ? "A debt is typed negative: -1200.00" : "Every digit is kept: 1250.50"}
            error={errorOf("/balance")}
          >
            {(ids) => <input {...ids} name="balance" inputMode="decimal" autoComplete="off" required />}
          </Field>
          <Field label="Day" error={errorOf("/captured_at")}>
            {(ids) => <input {...ids} type="date" name="day" max={today} defaultValue={today} required />}
          </Field>
          <SaidBack {...confirmation} />
        </>
      )}
    </FormDialog>
  );
}

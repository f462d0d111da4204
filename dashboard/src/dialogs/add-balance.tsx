/** A balance that the owner of an account types. */

import type { JSX } from "preact";

import { get, idempotencyHeader, post } from "../api/client";
import type { Account } from "../api/types";
import { useResource } from "../api/use-resource";
import { FormDialog } from "../components/dialog";
import { Field } from "../components/form";
import { isLiability } from "../domain/accounts";
import { toIsoDate } from "../domain/calendar";
import { typedTime } from "../format/dates";
import { normalizeAmount } from "../format/money";

export function AddBalanceDialog({ account, onClose }: { account: Account; onClose: () => void }): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const today = toIsoDate(new Date());
  const recordBalance = (fields: FormData): Promise<unknown> => {
    const day = String(fields.get("day"));
    return post(
      "/api/v1/accounts/{id}/balance-snapshots",
      {
        balance: normalizeAmount(String(fields.get("balance"))),
        ...typedTime(day, user.data?.time_zone),
      },
      { path: { id: account.id }, headers: idempotencyHeader() },
    );
  };
  return (
    <FormDialog title="Type a balance" submitLabel="Record" onSubmit={recordBalance} onClose={onClose}>
      {(errorOf) => (
        <>
          <Field
            label={`Balance in ${account.currency}`}
            hint={isLiability(account) ? "A debt is typed negative: -1200.00" : "Every digit is kept: 1250.00"}
            error={errorOf("/balance")}
          >
            {(ids) => <input {...ids} name="balance" inputMode="decimal" autoComplete="off" required />}
          </Field>
          <Field label="Day" error={errorOf("/captured_at")}>
            {(ids) => <input {...ids} type="date" name="day" max={today} defaultValue={today} required />}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

/** Typing a balance of one's own. */

import type { JSX } from "preact";

import { newIdempotencyKey, post } from "../api/client";
import type { Account } from "../api/types";
import { FormDialog } from "../components/form-dialog";
import { Field } from "../components/ui";
import { isLiability } from "../domain/accounts";
import { toIsoDate } from "../domain/calendar";

export function AddBalanceDialog({ account, onClose }: { account: Account; onClose: () => void }): JSX.Element {
  const today = toIsoDate(new Date());
  const recordBalance = (form: FormData): Promise<unknown> => {
    const day = String(form.get("day"));
    return post(
      "/api/v1/accounts/{id}/balance-snapshots",
      {
        balance: normalizeAmount(String(form.get("balance"))),
        ...(day === today ? {} : { captured_at: day }),
      },
      { path: { id: account.id }, headers: { "Idempotency-Key": newIdempotencyKey() } },
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

/** Let people type a true minus sign and spaces; everything else is the API's to judge. */
export function normalizeAmount(text: string): string {
  return text.trim().replace(/\u2212/g, "-").replace(/[\s\u00a0\u202f]/g, "");
}

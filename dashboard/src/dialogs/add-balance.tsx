/** Typing a balance of one's own. */

import type { JSX } from "preact";

import { idempotencyKey, post, type Account } from "../api/client";
import { FormDialog } from "../components/form-dialog";
import { dayOf } from "../format/dates";
import { Field } from "../components/ui";
import { isLiability } from "../format/labels";

export function TypeBalance({ account, close }: { account: Account; close: () => void }): JSX.Element {
  const today = dayOf(new Date());
  const send = (form: FormData): Promise<unknown> => {
    const day = String(form.get("day"));
    return post(
      "/api/v1/accounts/{id}/balance-snapshots",
      {
        balance: plainAmount(String(form.get("balance"))),
        ...(day === today ? {} : { captured_at: day }),
      },
      { path: { id: account.id }, headers: { "Idempotency-Key": idempotencyKey() } },
    );
  };
  return (
    <FormDialog title="Type a balance" verb="Record" send={send} close={close}>
      {(faultOf) => (
        <>
          <Field
            label={`Balance in ${account.currency}`}
            hint={isLiability(account) ? "A debt is typed negative: -1200.00" : "Every digit is kept: 1250.00"}
            fault={faultOf("/balance")}
          >
            {(ids) => <input {...ids} name="balance" inputMode="decimal" autoComplete="off" required />}
          </Field>
          <Field label="Day" fault={faultOf("/captured_at")}>
            {(ids) => <input {...ids} type="date" name="day" max={today} defaultValue={today} required />}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

/** Let people type a true minus sign and spaces; everything else is the API's to judge. */
export function plainAmount(typed: string): string {
  return typed.trim().replace(/\u2212/g, "-").replace(/[\s\u00a0\u202f]/g, "");
}

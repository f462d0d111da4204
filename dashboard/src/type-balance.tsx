/** Typing a balance of one's own. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { idempotencyKey, post, type Account, type Failure } from "./api";
import { dayOf } from "./instant";
import { asFailure, everythingChanged } from "./resource";
import { Dialog, Failed, Field, faultAt } from "./ui";
import { isLiability } from "./words";

export function TypeBalance({ account, close }: { account: Account; close: () => void }): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const today = dayOf(new Date());
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    const day = String(form.get("day"));
    try {
      await post(
        "/api/v1/accounts/{id}/balance-snapshots",
        {
          balance: plainAmount(String(form.get("balance"))),
          ...(day === today ? {} : { captured_at: day }),
        },
        { path: { id: account.id }, headers: { "Idempotency-Key": idempotencyKey() } },
      );
      everythingChanged();
      close();
    } catch (trouble) {
      setFailure(asFailure(trouble));
      setIsBusy(false);
    }
  };
  return (
    <Dialog title="Type a balance" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <Field
          label={`Balance in ${account.currency}`}
          hint={isLiability(account) ? "A debt is typed negative: -1200.00" : "Every digit is kept: 1250.00"}
          fault={faultAt(failure, "/balance")}
        >
          {(ids) => <input {...ids} name="balance" inputMode="decimal" autoComplete="off" required />}
        </Field>
        <Field label="Day" fault={faultAt(failure, "/captured_at")}>
          {(ids) => <input {...ids} type="date" name="day" max={today} value={today} required />}
        </Field>
        {failure && !failure.problem?.errors?.length && <Failed failure={failure} />}
        <p class="actions">
          <button type="submit" class="button is-primary" disabled={isBusy}>
            Record
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** Let people type a true minus sign and spaces; everything else is the API's to judge. */
export function plainAmount(typed: string): string {
  return typed.trim().replace(/\u2212/g, "-").replace(/[\s\u00a0\u202f]/g, "");
}

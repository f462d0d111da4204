/** A new account that its owner keeps by hand: a house, a pension, cash. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { idempotencyKey, post, type Account, type Failure } from "./api";
import { dayOf } from "./instant";
import { asFailure, everythingChanged } from "./resource";
import { go } from "./router";
import { plainAmount } from "./type-balance";
import { Dialog, Failed, Field, faultAt } from "./ui";
import { TYPES } from "./words";

const USUAL_CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "KWD"];

export function AddAccount({ close }: { close: () => void }): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const today = dayOf(new Date());
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    const text = (name: string): string => String(form.get(name)).trim();
    try {
      const made = await post(
        "/api/v1/accounts",
        {
          name: text("name"),
          account_type: text("account_type") as Account["account_type"],
          currency: text("currency").toUpperCase(),
          balance: plainAmount(text("balance")),
          ...(text("day") === today ? {} : { captured_at: text("day") }),
        },
        { headers: { "Idempotency-Key": idempotencyKey() } },
      );
      everythingChanged();
      close();
      go(`/accounts/${made.id}`);
    } catch (trouble) {
      setFailure(asFailure(trouble));
      setIsBusy(false);
    }
  };
  return (
    <Dialog title="Add an account by hand" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <Field label="Name" fault={faultAt(failure, "/name")}>
          {(ids) => <input {...ids} name="name" required maxLength={200} autoComplete="off" />}
        </Field>
        <div class="fields">
          <Field label="Type">
            {(ids) => (
              <select {...ids} name="account_type">
                {Object.entries(TYPES).map(([value, title]) => (
                  <option key={value} value={value}>
                    {title}
                  </option>
                ))}
              </select>
            )}
          </Field>
          <Field label="Currency" fault={faultAt(failure, "/currency")}>
            {(ids) => (
              <>
                <input {...ids} name="currency" list="currencies" required maxLength={3} value="USD" />
                <datalist id="currencies">
                  {USUAL_CURRENCIES.map((code) => (
                    <option key={code} value={code} />
                  ))}
                </datalist>
              </>
            )}
          </Field>
        </div>
        <div class="fields">
          <Field
            label="Balance"
            hint="A debt is typed negative: -1200.00"
            fault={faultAt(failure, "/balance")}
          >
            {(ids) => <input {...ids} name="balance" inputMode="decimal" required autoComplete="off" />}
          </Field>
          <Field label="On" fault={faultAt(failure, "/captured_at")}>
            {(ids) => <input {...ids} type="date" name="day" value={today} max={today} required />}
          </Field>
        </div>
        {failure && !failure.problem?.errors?.length && <Failed failure={failure} />}
        <p class="actions">
          <button type="submit" class="button is-primary" disabled={isBusy}>
            Add
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

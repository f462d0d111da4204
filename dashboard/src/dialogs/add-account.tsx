/** A new account that its owner keeps by hand: a house, a pension, cash. */

import type { JSX } from "preact";

import { idempotencyKey, post, type Account } from "../api/client";
import { FormDialog } from "../components/form-dialog";
import { dayOf } from "../format/dates";
import { go } from "../router";
import { plainAmount } from "./add-balance";
import { Field } from "../components/ui";
import { TYPES } from "../format/labels";

const USUAL_CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "KWD"];

export function AddAccount({ close }: { close: () => void }): JSX.Element {
  const today = dayOf(new Date());
  const send = async (form: FormData): Promise<void> => {
    const text = (name: string): string => String(form.get(name)).trim();
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
    go(`/accounts/${made.id}`);
  };
  return (
    <FormDialog title="Add an account by hand" verb="Add" send={send} close={close}>
      {(faultOf) => (
        <>
          <Field label="Name" fault={faultOf("/name")}>
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
            <Field label="Currency" fault={faultOf("/currency")}>
              {(ids) => (
                <>
                  <input {...ids} name="currency" list="currencies" required maxLength={3} defaultValue="USD" />
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
              fault={faultOf("/balance")}
            >
              {(ids) => <input {...ids} name="balance" inputMode="decimal" required autoComplete="off" />}
            </Field>
            <Field label="On" fault={faultOf("/captured_at")}>
              {(ids) => <input {...ids} type="date" name="day" defaultValue={today} max={today} required />}
            </Field>
          </div>
        </>
      )}
    </FormDialog>
  );
}

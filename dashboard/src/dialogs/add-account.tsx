/** A new account that its owner keeps by hand: a house, a pension, cash. */

import type { JSX } from "preact";

import { get, idempotencyHeader, post } from "../api/client";
import type { Account } from "../api/types";
import { useResource } from "../api/use-resource";
import { FormDialog } from "../components/dialog";
import { Field, Options } from "../components/form";
import { SaidBack, useConfirmation } from "../components/typed-balance";
import { toIsoDate } from "../domain/calendar";
import { typedTime } from "../format/dates";
import { ACCOUNT_TYPE_LABELS } from "../format/labels";
import { navigate } from "../router";

const COMMON_CURRENCIES = ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "KWD"];

export function AddAccountDialog({ onClose }: { onClose: () => void }): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const today = toIsoDate(new Date());
  const confirmation = useConfirmation();
  const createAccount = async (fields: FormData): Promise<unknown> => {
    const text = (name: string): string => String(fields.get(name)).trim();
    const currency = text("currency").toUpperCase();
    const balance = confirmation.confirm(text("balance"), currency, text("day"));
    if (balance === null) return "unconfirmed";
    const created = await post(
      "/api/v1/accounts",
      {
        name: text("name"),
        account_type: text("account_type") as Account["account_type"],
        currency,
        balance,
        ...typedTime(text("day"), user.data?.time_zone),
      },
      { headers: idempotencyHeader() },
    );
    navigate(`/accounts/${created.id}`);
    return created;
  };
  return (
    <FormDialog title="Add an account by hand" submitLabel={confirmation.sentence ? "Yes, add it" : "Add"} onSubmit={createAccount} onClose={onClose}>
      {(errorOf) => (
        <>
          <Field label="Name" error={errorOf("/name")}>
            {(ids) => <input {...ids} name="name" required maxLength={200} autoComplete="off" />}
          </Field>
          <div class="fields">
            <Field label="Type">
              {(ids) => (
                <select {...ids} name="account_type">
                  <Options of={Object.entries(ACCOUNT_TYPE_LABELS)} />
                </select>
              )}
            </Field>
            <Field label="Currency" error={errorOf("/currency")}>
              {(ids) => (
                <>
                  <input {...ids} name="currency" list="currencies" required maxLength={3} defaultValue="USD" />
                  <datalist id="currencies">
                    {COMMON_CURRENCIES.map((code) => (
                      <option key={code} value={code} />
                    ))}
                  </datalist>
                </>
              )}
            </Field>
          </div>
          <div class="fields">
            <Field label="Balance" hint="A debt is typed negative: -1200.00" error={errorOf("/balance")}>
              {(ids) => <input {...ids} name="balance" inputMode="decimal" required autoComplete="off" />}
            </Field>
            <Field label="On" error={errorOf("/captured_at")}>
              {(ids) => <input {...ids} type="date" name="day" defaultValue={today} max={today} required />}
            </Field>
          </div>
          <SaidBack {...confirmation} />
        </>
      )}
    </FormDialog>
  );
}

/** The settings of one account. */

import type { JSX } from "preact";

import { patch } from "../api/client";
import type { Account } from "../api/types";
import { FormDialog } from "../components/dialog";
import { Field, Options } from "../components/form";
import { formatDate } from "../format/dates";
import { ACCOUNT_TYPE_LABELS } from "../format/labels";

export function EditAccountDialog({ account, onClose }: { account: Account; onClose: () => void }): JSX.Element {
  const wasClosed = account.closed_at !== null;
  const save = (fields: FormData): Promise<unknown> => {
    const isClosed = fields.has("is_closed");
    const change = {
      name: String(fields.get("name")).trim(),
      account_type: String(fields.get("account_type")) as Account["account_type"],
      balance_sign: fields.has("is_turned") ? (-1 as const) : (1 as const),
      is_hidden: fields.has("is_hidden"),
      ...(isClosed === wasClosed ? {} : { closed_at: isClosed ? new Date().toISOString() : null }),
    };
    return patch("/api/v1/accounts/{id}", change, { path: { id: account.id } });
  };
  return (
    <FormDialog title={account.name} submitLabel="Save" onSubmit={save} onClose={onClose}>
      {(errorOf) => (
        <>
          <Field label="Name" error={errorOf("/name")}>
            {(ids) => <input {...ids} name="name" defaultValue={account.name} required />}
          </Field>
          <Field label="Type" hint="Cards, loans and mortgages count as liabilities.">
            {(ids) => (
              <select {...ids} name="account_type" value={account.account_type}>
                <Options of={Object.entries(ACCOUNT_TYPE_LABELS)} />
              </select>
            )}
          </Field>
          <Checkbox
            name="is_turned"
            label="Turn the sign of its balances"
            hint="Where the bank reports a debt as a positive number."
            isChecked={account.balance_sign === -1}
          />
          <Checkbox
            name="is_hidden"
            label="Hide"
            hint="It counts in no total. Its history stays."
            isChecked={account.is_hidden}
          />
          <Checkbox
            name="is_closed"
            label="Closed"
            hint={
              account.closed_at
                ? `Since ${formatDate(account.closed_at)}.`
                : "It counts until today, and no longer."
            }
            isChecked={wasClosed}
          />
        </>
      )}
    </FormDialog>
  );
}

function Checkbox({
  name,
  label,
  hint,
  isChecked,
}: {
  name: string;
  label: string;
  hint: string;
  isChecked: boolean;
}): JSX.Element {
  return (
    <label class="checkbox">
      <input type="checkbox" name={name} defaultChecked={isChecked} />
      <span>
        {label}
        <span class="hint">{hint}</span>
      </span>
    </label>
  );
}

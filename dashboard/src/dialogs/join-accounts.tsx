/** Two accounts that are one, joined to one history, and the end of such a join. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { post, remove } from "../api/client";
import type { Account } from "../api/types";
import { FormDialog } from "../components/dialog";
import { Field, Options } from "../components/form";
import { accountTitle } from "../format/labels";
import { formatCount } from "../format/numbers";

export function JoinDialog({
  accounts,
  others,
  onClose,
}: {
  /** Of the connection. */
  accounts: readonly Account[];
  /** All of the user's. */
  others: readonly Account[];
  onClose: () => void;
}): JSX.Element {
  const isTwin = (one: Account, other: Account): boolean => one.id !== other.id && one.name === other.name;
  const likely = accounts.find((account) => others.some((other) => isTwin(account, other))) ?? accounts[0];
  const [id, setId] = useState(likely?.id ?? "");
  const chosen = accounts.find((account) => account.id === id);
  const fitting = others
    .filter((other) => other.id !== id && other.currency === chosen?.currency)
    .sort((one, other) => Number(isTwin(other, chosen!)) - Number(isTwin(one, chosen!)));
  const join = (fields: FormData): Promise<unknown> =>
    post("/api/v1/accounts/{id}/join", { account_id: String(fields.get("other")) }, { path: { id } });
  const title = (account: Account): string => accountTitle(account, others);
  return (
    <FormDialog title="Join accounts" submitLabel="Join" onSubmit={join} onClose={onClose}>
      {(errorOf) => (
        <>
          <p>For one account that has two ids, as after a bank handed out new ones. The two become one history.</p>
          <Field label="Account">
            {(ids) => (
              <select {...ids} value={id} onChange={(event) => setId(event.currentTarget.value)}>
                <Options of={accounts.map((account) => [account.id, title(account)])} />
              </select>
            )}
          </Field>
          <Field
            label="Is the same as"
            hint={fitting.length === 0 && `No other account is in ${chosen?.currency}.`}
            error={errorOf("/account_id")}
          >
            {(ids) => (
              <select {...ids} name="other" required>
                <Options of={fitting.map((account) => [account.id, title(account)])} />
              </select>
            )}
          </Field>
          <p class="hint">No balance changes, and the join can be undone.</p>
        </>
      )}
    </FormDialog>
  );
}

export function SeparateDialog({ account, onClose }: { account: Account; onClose: () => void }): JSX.Element {
  return (
    <FormDialog
      title={`Separate ${account.name}?`}
      submitLabel="Separate"
      onSubmit={() => remove("/api/v1/accounts/{id}/join", { path: { id: account.id } })}
      onClose={onClose}
    >
      {() => (
        <p>
          It becomes {formatCount(account.joined_accounts.length + 1, "account")} again, each with its own balances and
          with its own share of the totals. They can be joined again.
        </p>
      )}
    </FormDialog>
  );
}

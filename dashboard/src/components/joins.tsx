/** Accounts that are likely others under a new id: left out of the totals until their owner decides. */

import type { JSX } from "preact";

import { post, remove } from "../api/client";
import type { Account } from "../api/types";
import { useAction } from "../api/use-action";
import { invalidateAll } from "../api/use-resource";
import { formatDate } from "../format/dates";
import { ErrorNotice } from "./error-notice";

/** The proposed joins of these accounts, each with its two decisions; the others may be of any connection. */
export function Joins({
  accounts,
  others = accounts,
}: {
  accounts: readonly Account[];
  others?: readonly Account[];
}): JSX.Element | null {
  const proposed = accounts.filter((account) => account.join_proposed_to !== null);
  if (proposed.length === 0) return null;
  return (
    <section class="holds" aria-label="Proposed joins">
      {proposed.map((account) => (
        <ProposedJoin
          key={account.id}
          account={account}
          other={others.find(({ id }) => id === account.join_proposed_to)}
        />
      ))}
    </section>
  );
}

function ProposedJoin({ account, other }: { account: Account; other: Account | undefined }): JSX.Element {
  const { error, isBusy, run } = useAction(async (isOne: boolean) => {
    const path = { id: account.id };
    if (isOne) {
      await post("/api/v1/accounts/{id}/join", { account_id: account.join_proposed_to! }, { path });
    } else {
      await remove("/api/v1/accounts/{id}/join", { path });
    }
    invalidateAll();
  });
  return (
    <div class="notice is-warn">
      <div>
        <strong>
          {account.name}: is this the account {other ? `\u201c${other.name}\u201d` : "that you had"} under a new id?
        </strong>
        <p>
          {account.institution} reports it since {formatDate(account.created_at)}, and the earlier one no more. It does
          not count in the totals until you decide.
        </p>
      </div>
      <p class="actions">
        <button type="button" class="button is-small" disabled={isBusy} onClick={() => void run(true)}>
          They are one account
        </button>
        <button type="button" class="button is-small" disabled={isBusy} onClick={() => void run(false)}>
          They are two
        </button>
      </p>
      <ErrorNotice error={error} />
    </div>
  );
}

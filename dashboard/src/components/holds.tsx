/** Balances that are likely wrong: recorded, and left out until their owner decides. */

import type { JSX } from "preact";

import { get, post } from "../api/client";
import type { Hold } from "../api/types";
import { useAction } from "../api/use-action";
import { invalidateAll, useResource } from "../api/use-resource";
import { formatDateTime } from "../format/dates";
import { Amount } from "./amount";
import { ErrorNotice } from "./error-notice";

/** The held balances of the accounts with a name here, each with its two decisions. */
export function Holds({ names }: { names: ReadonlyMap<string, string> }): JSX.Element | null {
  const { data } = useResource("holds", (signal) => get("/api/v1/holds", { signal }));
  const shown = data?.holds.filter(({ account_id }) => names.has(account_id)) ?? [];
  if (shown.length === 0) return null;
  return (
    <section class="holds" aria-label="Held balances">
      {shown.map((hold) => (
        <HeldBalance key={hold.id} hold={hold} name={names.get(hold.account_id)!} />
      ))}
    </section>
  );
}

function HeldBalance({ hold, name }: { hold: Hold; name: string }): JSX.Element {
  const { error, isBusy, run } = useAction(async (decision: "release" | "reject") => {
    await post("/api/v1/holds/{id}/decision", { decision }, { path: { id: hold.id } });
    invalidateAll();
  });
  return (
    <div class="notice is-warn">
      <div>
        <strong>
          {name}: is <Amount text={hold.balance} currency={hold.currency} /> right?
        </strong>
        <p>
          {hold.detail} It was reported on {formatDateTime(hold.captured_at)} and does not count until you decide, or
          a later sync says the same.
          {hold.previous_balance !== null && (
            <>
              {" "}
              Until then <Amount text={hold.previous_balance} currency={hold.currency} /> stands.
            </>
          )}
        </p>
      </div>
      <p class="actions">
        <button type="button" class="button is-small" disabled={isBusy} onClick={() => void run("release")}>
          It is right
        </button>
        <button type="button" class="button is-small" disabled={isBusy} onClick={() => void run("reject")}>
          It is wrong
        </button>
      </p>
      <ErrorNotice error={error} />
    </div>
  );
}

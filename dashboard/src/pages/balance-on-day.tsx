/** What the balance was on a given day: the last one recorded by its end. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get } from "../api/client";
import type { Snapshot } from "../api/types";
import { useResource } from "../api/use-resource";
import { Amount, ErrorNotice, Icon } from "../components/ui";
import { EARLIEST, endOfDay, toIsoDate, toIsoInstant } from "../domain/calendar";
import { formatDate } from "../format/dates";

export function BalanceOnDay({
  accountId,
  onSelect,
}: {
  accountId: string;
  onSelect: (snapshot: Snapshot) => void;
}): JSX.Element {
  const [day, setDay] = useState("");
  const result = useResource(day ? `day/${accountId}/${day}` : null, (signal) =>
    fetchBalanceOn(accountId, day, signal),
  );
  const snapshot = result.isLoading ? undefined : result.data;
  return (
    <section class="finder">
      <label>
        <span>Balance on</span>
        <input
          type="date"
          value={day}
          max={toIsoDate(new Date())}
          onInput={(event) => setDay(event.currentTarget.value)}
        />
      </label>
      <div class="finder-answer" role="status">
        {day && snapshot && (
          <>
            <Amount text={snapshot.balance} currency={snapshot.currency} />
            <span class="quiet">
              {toIsoDate(new Date(snapshot.captured_at)) === day
                ? "recorded on that day"
                : `as of ${formatDate(snapshot.captured_at)}, the last before`}
            </span>
            <button type="button" class="ghost has-word" onClick={() => onSelect(snapshot)}>
              Which sync recorded it <Icon name="forward" />
            </button>
          </>
        )}
        {day && snapshot === null && <span class="quiet">Nothing was recorded by then.</span>}
      </div>
      {result.error && day && <ErrorNotice error={result.error} retry={result.reload} />}
    </section>
  );
}

async function fetchBalanceOn(id: string, day: string, signal: AbortSignal): Promise<Snapshot | null> {
  const history = await get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: { start_date: toIsoInstant(EARLIEST), end_date: toIsoInstant(endOfDay(day)), max_points: 4 },
    signal,
  });
  return history.snapshots.at(-1) ?? null;
}

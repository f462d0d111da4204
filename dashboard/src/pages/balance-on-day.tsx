/** What the balance was on a given day: the last one recorded by its end. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get, type Snapshot } from "../api/client";
import { dayOf, endOfDay, showDay, wire } from "../format/dates";
import { useResource } from "../api/use-resource";
import { Amount, Failed, Icon } from "../components/ui";

const LONG_AGO = "1900-01-01T00:00:00Z";

export function DayFinder({
  accountId,
  onShow,
}: {
  accountId: string;
  onShow: (snapshot: Snapshot) => void;
}): JSX.Element {
  const [day, setDay] = useState("");
  const found = useResource(day ? `day/${accountId}/${day}` : null, (signal) =>
    balanceOn(accountId, day, signal),
  );
  const snapshot = found.isLoading ? undefined : found.data;
  return (
    <section class="finder">
      <label>
        <span>Balance on</span>
        <input
          type="date"
          value={day}
          max={dayOf(new Date())}
          onInput={(event) => setDay(event.currentTarget.value)}
        />
      </label>
      <div class="finder-answer" role="status">
        {day && snapshot && (
          <>
            <Amount text={snapshot.balance} currency={snapshot.currency} />
            <span class="quiet">
              {dayOf(new Date(snapshot.captured_at)) === day
                ? "recorded on that day"
                : `as of ${showDay(snapshot.captured_at)}, the last before`}
            </span>
            <button type="button" class="ghost has-word" onClick={() => onShow(snapshot)}>
              Which sync recorded it <Icon name="on" />
            </button>
          </>
        )}
        {day && snapshot === null && <span class="quiet">Nothing was recorded by then.</span>}
      </div>
      {found.failure && day && <Failed failure={found.failure} retry={found.reload} />}
    </section>
  );
}

async function balanceOn(id: string, day: string, signal: AbortSignal): Promise<Snapshot | null> {
  const history = await get("/api/v1/accounts/{id}/balance-history", {
    path: { id },
    query: { start_date: LONG_AGO, end_date: wire(endOfDay(day)), max_points: 4 },
    signal,
  });
  return history.snapshots.at(-1) ?? null;
}

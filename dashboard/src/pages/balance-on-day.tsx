/** The balance of any day: the last one recorded by its end. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { fetchBalanceOn } from "../api/queries";
import type { Snapshot } from "../api/types";
import { useResource } from "../api/use-resource";
import { Amount } from "../components/amount";
import { ErrorNotice } from "../components/error-notice";
import { Icon } from "../components/icon";
import { toIsoDate } from "../domain/calendar";
import { placeOf } from "../domain/snapshot-time";
import { formatSnapshotDay } from "../format/dates";

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
    <section class="balance-on-day">
      <label>
        <span>Balance on</span>
        <input
          type="date"
          value={day}
          max={toIsoDate(new Date())}
          onInput={(event) => setDay(event.currentTarget.value)}
        />
      </label>
      <div class="balance-on-day-result" role="status">
        {day && snapshot && (
          <>
            <Amount text={snapshot.balance} currency={snapshot.currency} />
            <span class="muted">
              {toIsoDate(placeOf(snapshot)) === day
                ? "recorded on that day"
                : `as of ${formatSnapshotDay(snapshot)}, the last before`}
            </span>
            <button type="button" class="ghost has-label" onClick={() => onSelect(snapshot)}>
              How it was recorded <Icon name="forward" />
            </button>
          </>
        )}
        {day && snapshot === null && <span class="muted">Nothing was recorded by then.</span>}
      </div>
      <ErrorNotice error={day ? result.error : undefined} retry={result.reload} />
    </section>
  );
}

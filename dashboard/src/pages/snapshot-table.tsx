/** Recorded balances, newest first, with their changes and sources. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { RequestError } from "../api/http";
import type { Connection, Snapshot, SnapshotHistory } from "../api/types";
import { useAction } from "../api/use-action";
import { MAX_POINTS } from "../chart/points";
import { Amount, SnapshotChange } from "../components/amount";
import { ErrorNotice } from "../components/error-notice";
import { Icon } from "../components/icon";
import { Section } from "../components/section";
import { formatSnapshotDay, formatSnapshotTime } from "../format/dates";
import { describeOrigin } from "../format/labels";
import { formatCount } from "../format/numbers";

const INITIAL_ROWS = 20;
const MORE_ROWS = 200;

export function SnapshotTable({
  history,
  connection,
  isThinned,
  isLoading,
  error,
  onLoadAll,
  onSelect,
  onSaveAll,
}: {
  history: SnapshotHistory;
  /** Of the account; undefined while it loads. */
  connection: Connection | undefined;
  /** Whether the history has only those balances of its range that shape its line. */
  isThinned: boolean;
  isLoading: boolean;
  error: RequestError | undefined;
  onLoadAll: () => void;
  onSelect: (snapshot: Snapshot) => void;
  onSaveAll: () => Promise<void>;
}): JSX.Element {
  const [rowCount, setRowCount] = useState(INITIAL_ROWS);
  const { error: saveError, isBusy: isSaving, run: saveAll } = useAction(onSaveAll);
  const shownError = saveError ?? error;
  const newestFirst = history.snapshots.toReversed();
  const remaining = newestFirst.length - rowCount;
  return (
    <Section
      title="Balances"
      aside={
        <button type="button" class="ghost has-label" disabled={isSaving} onClick={() => void saveAll()}>
          <Icon name="download" /> {isSaving ? "Saving …" : "Save as CSV"}
        </button>
      }
    >
      {!isThinned ? (
        <p class="muted">
          {formatCount(newestFirst.length, "balance")} in this range. Each change is since the row below.
        </p>
      ) : (
        <p class="muted">
          {formatCount(newestFirst.length, "balance")}, those that shape the line; this range has more
          than {MAX_POINTS}. Each change is since the row below.{" "}
          <button type="button" class="button is-small" disabled={isLoading} onClick={onLoadAll}>
            {isLoading ? "Loading …" : "Load every balance"}
          </button>
        </p>
      )}
      <ErrorNotice error={shownError} />
      <table class="data-table">
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col" class="number">Balance</th>
            <th scope="col" class="number">Change</th>
            <th scope="col" class="wide-only">Origin</th>
            <th scope="col"><span class="visually-hidden">Details</span></th>
          </tr>
        </thead>
        <tbody>
          {newestFirst.slice(0, rowCount).map((snapshot) => (
            <tr key={snapshot.id}>
              <th scope="row">
                <time dateTime={snapshot.captured_at} title={formatSnapshotTime(snapshot)}>
                  {formatSnapshotDay(snapshot)}
                </time>
              </th>
              <td class="number">
                <Amount text={snapshot.balance} currency={snapshot.currency} />
              </td>
              <td class="number">
                <SnapshotChange snapshot={snapshot} />
              </td>
              <td class="wide-only muted">{describeOrigin(snapshot, connection)}</td>
              <td class="row-action">
                <button
                  type="button"
                  class="ghost"
                  aria-label={`Correct or take back ${formatSnapshotDay(snapshot)}, and how it was recorded`}
                  title="Correct, take back, details"
                  onClick={() => onSelect(snapshot)}
                >
                  <Icon name="edit" />
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {remaining > 0 && (
        <button type="button" class="button is-small" onClick={() => setRowCount(rowCount + MORE_ROWS)}>
          Show {Math.min(remaining, MORE_ROWS)} more
        </button>
      )}
    </Section>
  );
}

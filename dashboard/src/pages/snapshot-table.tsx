/** Recorded balances, newest first, each with where it came from. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Failure, Snapshot, SnapshotHistory } from "../api/client";
import { MOST_POINTS } from "../chart/points";
import { showDay, showMinute } from "../format/dates";
import { asFailure } from "../api/use-resource";
import { Amount, ChangeShown, Failed, Icon } from "../components/ui";
import { SOURCES, count } from "../format/labels";

const FIRST_ROWS = 20;
const MORE_ROWS = 200;
// An answer does not tell whether any were left out. So few are all of them, unless most of those
// of years lie within days.
const CERTAINLY_ALL = 80;

export function SnapshotTable({
  history,
  isWhole,
  isLoading,
  failure,
  onWhole,
  onShow,
  onSave,
}: {
  history: SnapshotHistory;
  /** Whether every balance of the range is there, not only those that shape its line. */
  isWhole: boolean;
  isLoading: boolean;
  failure: Failure | undefined;
  onWhole: () => void;
  onShow: (snapshot: Snapshot) => void;
  onSave: () => Promise<void>;
}): JSX.Element {
  const [rows, setRows] = useState(FIRST_ROWS);
  const [trouble, setTrouble] = useState<Failure>();
  const [isSaving, setIsSaving] = useState(false);
  const saveAll = async (): Promise<void> => {
    setIsSaving(true);
    await onSave().then(
      () => setTrouble(undefined),
      (reason: unknown) => setTrouble(asFailure(reason)),
    );
    setIsSaving(false);
  };
  const newestFirst = history.snapshots.toReversed();
  const left = newestFirst.length - rows;
  return (
    <section class="block">
      <header>
        <h2>Balances</h2>
        <button type="button" class="ghost has-word" disabled={isSaving} onClick={() => void saveAll()}>
          <Icon name="download" /> {isSaving ? "Saving …" : "Save as CSV"}
        </button>
      </header>
      {isWhole || newestFirst.length < CERTAINLY_ALL ? (
        <p class="quiet">
          {count(newestFirst.length, "balance")} in this range. Each change is since the row below.
        </p>
      ) : (
        <p class="quiet">
          {count(newestFirst.length, "balance")}. Of more than {MOST_POINTS} in a range only those that
          shape the line are shown. Each change is since the row below.{" "}
          <button type="button" class="button is-small" disabled={isLoading} onClick={onWhole}>
            {isLoading ? "Loading …" : "Load every balance"}
          </button>
        </p>
      )}
      {(trouble ?? failure) && <Failed failure={(trouble ?? failure)!} />}
      <table class="figures">
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col" class="number">
              Balance
            </th>
            <th scope="col" class="number">
              Change
            </th>
            <th scope="col" class="wide-only">
              Source
            </th>
            <th scope="col">
              <span class="unseen">Details</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {newestFirst.slice(0, rows).map((snapshot) => (
            <tr key={snapshot.id}>
              <th scope="row">
                <time dateTime={snapshot.captured_at} title={showMinute(snapshot.captured_at)}>
                  {showDay(snapshot.captured_at)}
                </time>
              </th>
              <td class="number">
                <Amount text={snapshot.balance} currency={snapshot.currency} />
              </td>
              <td class="number">
                <Changed snapshot={snapshot} />
              </td>
              <td class="wide-only quiet">{SOURCES[snapshot.source]}</td>
              <td class="tail">
                <button
                  type="button"
                  class="ghost"
                  aria-label={`Which sync recorded ${showDay(snapshot.captured_at)}`}
                  onClick={() => onShow(snapshot)}
                >
                  <Icon name="on" />
                </button>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
      {left > 0 && (
        <button type="button" class="button is-small" onClick={() => setRows(rows + MORE_ROWS)}>
          Show {Math.min(left, MORE_ROWS)} more
        </button>
      )}
    </section>
  );
}

export function Changed({ snapshot }: { snapshot: Snapshot }): JSX.Element | null {
  if (snapshot.change_amount === null) return null;
  const percent = snapshot.change_percent;
  return (
    <ChangeShown
      change={{ amount: snapshot.change_amount, percent: percent === null ? null : percent.toFixed(2) }}
      currency={snapshot.currency}
    />
  );
}

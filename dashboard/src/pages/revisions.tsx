/** The changes of an account's past: corrections, retractions, older balances, settings. */

import type { JSX } from "preact";

import { get } from "../api/client";
import { fetchRevisions } from "../api/queries";
import type { Revision } from "../api/types";
import { useResource } from "../api/use-resource";
import { Icon } from "../components/icon";
import { PageHeading } from "../components/page-heading";
import { ResourceStatus } from "../components/resource-status";
import { likelyPlaceOf } from "../domain/snapshot-time";
import { formatDate, formatDateTime } from "../format/dates";
import { formatCount } from "../format/numbers";
import { Link } from "../router";

export function RevisionsPage({ id }: { id: string }): JSX.Element {
  const account = useResource(`account/${id}`, (signal) =>
    get("/api/v1/accounts/{id}", { path: { id }, signal }),
  );
  const revisions = useResource(`revisions/${id}`, (signal) => fetchRevisions(id, signal));
  return (
    <>
      <PageHeading
        title="The past changed"
        aboveTitle={
          <Link to={`/accounts/${id}`} class="back-link">
            <Icon name="back" /> {account.data?.name ?? "Account"}
          </Link>
        }
      >
        <p class="muted">Nothing is overwritten: every balance stays in the records.</p>
      </PageHeading>
      <ResourceStatus resource={revisions} lines={4} />
      {revisions.data?.length === 0 && <p>It never changed.</p>}
      {revisions.data && revisions.data.length > 0 && (
        <table class="data-table">
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Change</th>
            </tr>
          </thead>
          <tbody>
            {revisions.data.map((revision) => (
              <tr key={`${revision.at} ${revision.kind} ${revision.sync_id} ${revision.first_captured_at}`}>
                <th scope="row">
                  <time dateTime={revision.at}>{formatDateTime(revision.at)}</time>
                </th>
                <td>
                  {revision.detail}
                  {revision.reason && <p>“{revision.reason}”</p>}
                  <p class="muted">{describeBalances(revision)}</p>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function describeBalances({ by, points, first_captured_at: first, last_captured_at: last }: Revision): string {
  const days = first && last && [...new Set([first, last].map((at) => formatDate(likelyPlaceOf(at))))].join(" – ");
  const parts = [days && `${formatCount(points ?? 0, "balance")} of ${days}`, by === "sync" && "by a sync"];
  return parts.filter(Boolean).join(", ");
}

/** Connections: their states and changes, and the runs that can be retracted. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { fetchProviders } from "../api/providers";
import { fetchAccounts, fetchConnections, fetchRecentSyncs } from "../api/queries";
import type { Connection, Sync } from "../api/types";
import { useResource } from "../api/use-resource";
import { ErrorNotice } from "../components/error-notice";
import { PageHeading } from "../components/page-heading";
import { ResourceStatus } from "../components/resource-status";
import { AddAccountDialog } from "../dialogs/add-account";
import { ConnectDialog } from "../dialogs/connect";
import { RetractSyncDialog } from "../dialogs/retract-sync";
import { Link } from "../router";
import { ConnectionCard } from "./connection-card";

const MAX_SYNCS = 300;

export function ConnectionsPage(): JSX.Element {
  const connections = useResource("connections", fetchConnections);
  const accounts = useResource("accounts", fetchAccounts);
  const syncs = useResource("syncs", (signal) => fetchRecentSyncs(MAX_SYNCS, signal));
  const providers = useResource("providers", fetchProviders);
  const [isAdding, setIsAdding] = useState(false);
  const [isConnecting, setIsConnecting] = useState(false);
  const [retractedSync, setRetractedSync] = useState<Sync | null>(null);
  const canConnect = (providers.data?.length ?? 0) > 0;

  return (
    <>
      <PageHeading title="Connections">
        <p class="actions">
          {canConnect && (
            <button type="button" class="button is-primary" onClick={() => setIsConnecting(true)}>
              Connect
            </button>
          )}
          <Link to="/import" class={canConnect ? "button" : "button is-primary"}>
            Import a statement
          </Link>
          <button type="button" class="button" onClick={() => setIsAdding(true)}>
            Add an account by hand
          </button>
        </p>
      </PageHeading>
      <ResourceStatus resource={connections} lines={5} />
      {connections.data?.length === 0 && (
        <div class="empty-message">
          <h2>Nothing is connected yet</h2>
          <p>The first statement that you import makes its connection by itself.</p>
        </div>
      )}
      {connections.data?.toSorted(byUrgency).map((connection) => (
        <ConnectionCard
          key={connection.id}
          connection={connection}
          provider={providers.data?.find(({ slug }) => slug === connection.provider)}
          accounts={accounts.data?.filter((account) => account.connection_id === connection.id)}
          allAccounts={accounts.data ?? []}
          syncs={syncs.data?.filter((sync) => sync.connection_id === connection.id)}
          onRetract={setRetractedSync}
        />
      ))}
      <ErrorNotice error={syncs.error} retry={syncs.reload} />
      {isAdding && <AddAccountDialog onClose={() => setIsAdding(false)} />}
      {isConnecting && <ConnectDialog providers={providers.data ?? []} onClose={() => setIsConnecting(false)} />}
      {retractedSync && (
        <RetractSyncDialog
          sync={retractedSync}
          connection={connections.data?.find((one) => one.id === retractedSync.connection_id)}
          onClose={() => setRetractedSync(null)}
        />
      )}
    </>
  );
}

/** Those that wait for their owner first; the others stay in the order of their names. */
function byUrgency(one: Connection, other: Connection): number {
  const waits = ({ state }: Connection): number => Number(state.startsWith("needs_"));
  return waits(other) - waits(one);
}

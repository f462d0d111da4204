/** Connections: their states, their accounts, and their syncs, which can be retracted. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { fetchProviders, syncConnection } from "../api/providers";
import { fetchAccounts, fetchConnections, fetchRecentSyncs } from "../api/queries";
import type { Account, Connection, Sync } from "../api/types";
import { useAction } from "../api/use-action";
import { invalidateAll, useResource } from "../api/use-resource";
import { Badge } from "../components/badge";
import { ErrorNotice } from "../components/error-notice";
import { Icon } from "../components/icon";
import { PageHeading } from "../components/page-heading";
import { ResourceStatus, Skeleton } from "../components/resource-status";
import { AddAccountDialog } from "../dialogs/add-account";
import { ConnectDialog } from "../dialogs/connect";
import { RetractSyncDialog } from "../dialogs/retract-sync";
import { isRetractable } from "../domain/connections";
import { formatDateTime, formatRelative } from "../format/dates";
import { CONNECTION_STATE_LABELS, SOURCE_LABELS, SYNC_STATE_LABELS, connectionLabel, describeFile, runRemarks } from "../format/labels";
import { formatCount, formatNumber } from "../format/numbers";
import { Link } from "../router";

const MAX_SYNCS = 300;
const INITIAL_SYNCS = 3;

const REMEDY_TEXTS: Partial<Record<Connection["state"], string>> = {
  needs_reauthentication: "Sign in at the provider again, then replace the credentials here.",
  rate_limited: "The provider asks for patience. Dashtam tries again by itself.",
  failing: "Dashtam tries again by itself. If it goes on, connect again.",
};

export function ConnectionsPage(): JSX.Element {
  const connections = useResource("connections", fetchConnections);
  const accounts = useResource("accounts", fetchAccounts);
  const syncs = useResource("syncs", (signal) => fetchRecentSyncs(MAX_SYNCS, signal));
  const providers = useResource("providers", fetchProviders);
  const [isAdding, setIsAdding] = useState(false);
  const [isConnecting, setIsConnecting] = useState(false);
  const [retractedSync, setRetractedSync] = useState<Sync | null>(null);
  const providerNames = new Map(providers.data?.map((provider) => [provider.slug, provider.name]));

  return (
    <>
      <PageHeading title="Connections">
        <p class="actions">
          {providerNames.size > 0 && (
            <button type="button" class="button is-primary" onClick={() => setIsConnecting(true)}>
              Connect
            </button>
          )}
          <Link to="/import" class={providerNames.size > 0 ? "button" : "button is-primary"}>
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
      {connections.data?.map((connection) => (
        <ConnectionCard
          key={connection.id}
          connection={connection}
          liveProviderName={providerNames.get(connection.provider)}
          accounts={accounts.data?.filter((account) => account.connection_id === connection.id)}
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

function ConnectionCard({
  connection,
  liveProviderName,
  accounts,
  syncs,
  onRetract,
}: {
  connection: Connection;
  liveProviderName: string | undefined;
  accounts: readonly Account[] | undefined;
  syncs: readonly Sync[] | undefined;
  onRetract: (sync: Sync) => void;
}): JSX.Element {
  const [isExpanded, setIsExpanded] = useState(false);
  const isLive = liveProviderName !== undefined;
  const remedy = REMEDY_TEXTS[connection.state];
  const visible = isExpanded ? syncs : syncs?.filter(isNoteworthy).slice(0, INITIAL_SYNCS);
  const accountNames = new Map(accounts?.map((account) => [account.id, account.name]));
  return (
    <section class="card" aria-label={connection.name}>
      <header>
        <div>
          <h2>{connection.name}</h2>
          <p class="muted">
            {liveProviderName ?? connectionLabel(connection.provider)}
            {accounts && ` · ${formatCount(accounts.length, "account")}`}
            {connection.last_synced_at && ` · last synced ${formatRelative(connection.last_synced_at)}`}
            {connection.next_sync_at && ` · next sync ${formatRelative(connection.next_sync_at)}`}
            {connection.expires_at && ` · consent ends ${formatDateTime(connection.expires_at)}`}
          </p>
        </div>
        {(isLive || connection.state !== "active") && (
          <Badge tone={connection.state === "active" ? "good" : "warn"}>
            {CONNECTION_STATE_LABELS[connection.state]}
          </Badge>
        )}
        {isLive && connection.state !== "disconnected" && <RefreshButton connection={connection} />}
      </header>
      {(connection.detail || remedy) && (
        <div class="notice is-warn">
          <div>
            {connection.detail && <strong>{connection.detail}</strong>}
            {remedy && <p>{remedy}</p>}
          </div>
        </div>
      )}
      {accounts && accounts.length > 0 && (
        <p class="chips">
          {accounts.map((account) => (
            <Link key={account.id} to={`/accounts/${account.id}`} class="chip">
              {account.name}
            </Link>
          ))}
        </p>
      )}
      {!syncs && <Skeleton lines={2} label="Loading the runs" />}
      {visible && visible.length > 0 && (
        <ul class="syncs" aria-label={`Runs of ${connection.name}`}>
          {visible.map((sync) => (
            <SyncItem
              key={sync.id}
              sync={sync}
              isRetractable={isRetractable(sync, connection)}
              accountNames={accountNames}
              onRetract={onRetract}
            />
          ))}
        </ul>
      )}
      {syncs && visible && (isExpanded || syncs.length > visible.length) && (
        <button
          type="button"
          class="ghost has-label"
          aria-expanded={isExpanded}
          onClick={() => setIsExpanded(!isExpanded)}
        >
          {isExpanded ? "Show fewer" : `Show all ${syncs.length} runs`}
        </button>
      )}
    </section>
  );
}

/** Whether a sync is listed before all of them are: one without a new balance is not. */
function isNoteworthy(sync: Sync): boolean {
  return sync.recorded > 0 || sync.state !== "succeeded";
}

function SyncItem({
  sync,
  isRetractable,
  accountNames,
  onRetract,
}: {
  sync: Sync;
  isRetractable: boolean;
  accountNames: ReadonlyMap<string, string>;
  onRetract: (sync: Sync) => void;
}): JSX.Element {
  const failedAccounts = sync.accounts.filter((outcome) => outcome.detail);
  const touchedNames = sync.accounts.map((outcome) => accountNames.get(outcome.account_id)).filter(Boolean);
  return (
    <li class={sync.retracted_at ? "sync is-retracted" : "sync"}>
      <div>
        <p class="sync-heading">
          <time dateTime={sync.started_at}>{formatDateTime(sync.started_at)}</time>
          {sync.retracted_at ? (
            <Badge>Retracted</Badge>
          ) : (
            sync.state !== "succeeded" && (
              <Badge tone={sync.state === "running" ? "neutral" : "warn"}>{SYNC_STATE_LABELS[sync.state]}</Badge>
            )
          )}
        </p>
        {describeFile(sync) && <p>{describeFile(sync)}</p>}
        <p class="muted">
          {SOURCE_LABELS[sync.source]} · {formatCount(sync.recorded, "balance")} recorded
          {sync.skipped > 0 && `, ${formatNumber(sync.skipped)} known already`}
          {touchedNames.length > 0 && touchedNames.length <= 3 && ` · ${touchedNames.join(", ")}`}
        </p>
        {runRemarks(sync).map((remark) => (
          <p key={remark} class="muted">
            {remark}
          </p>
        ))}
        {sync.detail && <p class="error">{sync.detail}</p>}
        {failedAccounts.map((outcome) => (
          <p key={outcome.account_id} class="error">
            {accountNames.get(outcome.account_id) ?? "An account"}: {outcome.detail}
          </p>
        ))}
      </div>
      {isRetractable && (
        <button
          type="button"
          class="ghost has-label"
          aria-label={`Retract the sync of ${formatDateTime(sync.started_at)}`}
          onClick={() => onRetract(sync)}
        >
          Retract …
        </button>
      )}
    </li>
  );
}

function RefreshButton({ connection }: { connection: Connection }): JSX.Element {
  const [sync, setSync] = useState<Sync | null>(null);
  const { error, run: refresh } = useAction(async () => {
    try {
      await syncConnection(connection.id, setSync);
    } finally {
      setSync(null);
      invalidateAll();
    }
  });
  const finishedCount = sync?.accounts.filter((outcome) => outcome.state !== "running").length;
  return (
    <>
      <button type="button" class="button is-small" disabled={sync !== null} onClick={() => void refresh()}>
        <Icon name="refresh" /> {sync ? "Refreshing …" : "Refresh"}
      </button>
      <p role="status" class="refresh-status muted">
        {sync && (sync.detail ?? `${finishedCount} of ${sync.accounts.length} accounts`)}
        {error?.message}
        {error?.retryAt && ` Refresh again after ${formatDateTime(new Date(error.retryAt))}.`}
      </p>
    </>
  );
}

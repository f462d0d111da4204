/** Connections: where the balances come from, how that goes, and how to take a mistake back. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Account, Connection, Failure, Sync } from "../api/client";
import { AddAccount } from "../dialogs/add-account";
import { Connect } from "../dialogs/connect";
import { showAgo, showMinute } from "../format/dates";
import { liveProviders, refresh, type Provider } from "../api/providers";
import { allAccounts, allConnections, someSyncs } from "../api/queries";
import { asFailure, everythingChanged, useResource } from "../api/use-resource";
import { Retract, canBeRetracted } from "../dialogs/retract-sync";
import { Link } from "../router";
import { Badge, Failed, Heading, Icon, Waiting } from "../components/ui";
import { CONNECTION_STATES, SOURCES, SYNC_STATES, count, providerName } from "../format/labels";

// Settled when the page is built, so that what this API cannot do is not sent either.
const HAS_PROVIDERS = __HAS_PROVIDERS__;
const none = (): Promise<readonly Provider[]> => Promise.resolve([]);
const MOST_RUNS = 300;
const RUNS_SHOWN = 3;

const REMEDIES: Partial<Record<Connection["state"], string>> = {
  needs_reauthentication: "Sign in at the provider again, then replace the credentials here.",
  rate_limited: "The provider asks for patience. Dashtam tries again by itself.",
  failing: "Dashtam tries again by itself. If it goes on, connect again.",
};

export function Connections(): JSX.Element {
  const connections = useResource("connections", allConnections);
  const accounts = useResource("accounts", allAccounts);
  const runs = useResource("syncs", (signal) => someSyncs(MOST_RUNS, signal));
  const providers = useResource(HAS_PROVIDERS ? "providers" : null, HAS_PROVIDERS ? liveProviders : none);
  const [isAdding, setIsAdding] = useState(false);
  const [isConnecting, setIsConnecting] = useState(false);
  const [retracting, setRetracting] = useState<Sync | null>(null);
  const live = new Map(providers.data?.map((provider) => [provider.slug, provider.name]));

  return (
    <>
      <Heading title="Connections">
        <p class="actions">
          {live.size > 0 && (
            <button type="button" class="button is-primary" onClick={() => setIsConnecting(true)}>
              Connect
            </button>
          )}
          <Link to="/import" class={live.size > 0 ? "button" : "button is-primary"}>
            Import a statement
          </Link>
          <button type="button" class="button" onClick={() => setIsAdding(true)}>
            Add an account by hand
          </button>
        </p>
      </Heading>
      {connections.failure && !connections.data && (
        <Failed failure={connections.failure} retry={connections.reload} />
      )}
      {!connections.data && !connections.failure && <Waiting lines={5} />}
      {connections.data?.length === 0 && (
        <div class="blank">
          <h2>Nothing is connected yet</h2>
          <p>The first statement that you import makes its connection by itself.</p>
        </div>
      )}
      {connections.data?.map((connection) => (
        <ConnectionCard
          key={connection.id}
          connection={connection}
          liveAs={live.get(connection.provider)}
          accounts={accounts.data?.filter((account) => account.connection_id === connection.id)}
          runs={runs.data?.syncs.filter((run) => run.connection_id === connection.id)}
          onRetract={setRetracting}
        />
      ))}
      {runs.failure && <Failed failure={runs.failure} retry={runs.reload} />}
      {isAdding && <AddAccount close={() => setIsAdding(false)} />}
      {HAS_PROVIDERS && isConnecting && <Connect providers={providers.data ?? []} close={() => setIsConnecting(false)} />}
      {retracting && <Retract sync={retracting} close={() => setRetracting(null)} />}
    </>
  );
}

function ConnectionCard({
  connection,
  liveAs,
  accounts,
  runs,
  onRetract,
}: {
  connection: Connection;
  liveAs: string | undefined;
  accounts: readonly Account[] | undefined;
  runs: readonly Sync[] | undefined;
  onRetract: (run: Sync) => void;
}): JSX.Element {
  const [isWhole, setIsWhole] = useState(false);
  const isLive = liveAs !== undefined;
  const remedy = REMEDIES[connection.state];
  const shown = isWhole ? runs : runs?.filter(hasNews).slice(0, RUNS_SHOWN);
  const names = new Map(accounts?.map((account) => [account.id, account.name]));
  return (
    <section class="card" aria-label={connection.name}>
      <header>
        <div>
          <h2>{connection.name}</h2>
          <p class="quiet">
            {liveAs ?? providerName(connection.provider)}
            {accounts && ` · ${count(accounts.length, "account")}`}
            {connection.last_synced_at && ` · last synced ${showAgo(connection.last_synced_at)}`}
            {connection.next_sync_at && ` · next sync ${showAgo(connection.next_sync_at)}`}
          </p>
        </div>
        {(isLive || connection.state !== "active") && (
          <Badge tone={connection.state === "active" ? "good" : "warn"}>
            {CONNECTION_STATES[connection.state]}
          </Badge>
        )}
        {HAS_PROVIDERS && isLive && connection.state !== "disconnected" && <Refresh connection={connection} />}
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
      {!runs && <Waiting lines={2} label="Loading the runs" />}
      {shown && shown.length > 0 && (
        <ul class="runs" aria-label={`Runs of ${connection.name}`}>
          {shown.map((run) => (
            <Run key={run.id} run={run} names={names} onRetract={onRetract} />
          ))}
        </ul>
      )}
      {runs && shown && (isWhole || runs.length > shown.length) && (
        <button type="button" class="ghost has-word" aria-expanded={isWhole} onClick={() => setIsWhole(!isWhole)}>
          {isWhole ? "Show fewer" : `Show all ${runs.length} runs`}
        </button>
      )}
    </section>
  );
}

/** A file that held nothing new is told only to whoever asks for every run. */
function hasNews(run: Sync): boolean {
  return run.recorded > 0 || run.state !== "succeeded";
}

function Run({
  run,
  names,
  onRetract,
}: {
  run: Sync;
  names: ReadonlyMap<string, string>;
  onRetract: (run: Sync) => void;
}): JSX.Element {
  const failed = run.accounts.filter((outcome) => outcome.detail);
  const touched = run.accounts.map((outcome) => names.get(outcome.account_id)).filter(Boolean);
  return (
    <li class={run.retracted_at ? "run is-retracted" : "run"}>
      <div>
        <p class="run-when">
          <time dateTime={run.started_at}>{showMinute(run.started_at)}</time>
          {run.retracted_at ? (
            <Badge>Retracted</Badge>
          ) : (
            run.state !== "succeeded" && (
              <Badge tone={run.state === "running" ? "quiet" : "warn"}>{SYNC_STATES[run.state]}</Badge>
            )
          )}
        </p>
        <p class="quiet">
          {SOURCES[run.source]} · {count(run.recorded, "balance")} recorded
          {run.skipped > 0 && `, ${run.skipped.toLocaleString()} known already`}
          {touched.length > 0 && touched.length <= 3 && ` · ${touched.join(", ")}`}
        </p>
        {run.detail && <p class="wrong">{run.detail}</p>}
        {failed.map((outcome) => (
          <p key={outcome.account_id} class="wrong">
            {names.get(outcome.account_id) ?? "An account"}: {outcome.detail}
          </p>
        ))}
      </div>
      {canBeRetracted(run) && (
        <button
          type="button"
          class="ghost has-word"
          aria-label={`Retract the sync of ${showMinute(run.started_at)}`}
          onClick={() => onRetract(run)}
        >
          Retract …
        </button>
      )}
    </li>
  );
}

function Refresh({ connection }: { connection: Connection }): JSX.Element {
  const [run, setRun] = useState<Sync | null>(null);
  const [failure, setFailure] = useState<Failure>();
  const begin = async (): Promise<void> => {
    setFailure(undefined);
    try {
      await refresh(connection.id, setRun);
    } catch (trouble) {
      setFailure(asFailure(trouble));
    }
    setRun(null);
    everythingChanged();
  };
  const ended = run?.accounts.filter((outcome) => outcome.state !== "running").length ?? 0;
  return (
    <div class="refresh">
      <button type="button" class="button is-small" disabled={run !== null} onClick={() => void begin()}>
        <Icon name="refresh" /> {run ? "Refreshing …" : "Refresh"}
      </button>
      <span role="status" class="quiet">
        {run && (run.detail ?? `${ended} of ${run.accounts.length} accounts`)}
        {failure?.message}
      </span>
    </div>
  );
}

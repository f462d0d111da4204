/** One connection: its state, its institutions with their accounts, its changes, and its runs. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { followSync, signIn, syncConnection, type Provider } from "../api/providers";
import type { Account, AccountResult, Connection, Sync } from "../api/types";
import { useAction } from "../api/use-action";
import { invalidateAll } from "../api/use-resource";
import { Badge } from "../components/badge";
import { ErrorNotice } from "../components/error-notice";
import { ExternalLink } from "../components/external-link";
import { Icon } from "../components/icon";
import { Joins } from "../components/joins";
import { Skeleton } from "../components/resource-status";
import { CredentialsDialog, DisconnectDialog, RenameDialog } from "../dialogs/change-connection";
import { JoinDialog, SeparateDialog } from "../dialogs/join-accounts";
import {
  byInstitution,
  endsSoon,
  isOfInstitution,
  newestResults,
  remainingDetail,
  sentenceOf,
  type Institution,
} from "../domain/connections";
import { formatDate, formatDateTime, formatRelative } from "../format/dates";
import {
  CONNECTION_STATE_LABELS,
  connectionLabel,
  describeAge,
  describeOutcome,
  twinDetail,
} from "../format/labels";
import { formatCount } from "../format/numbers";
import { Link } from "../router";
import { RunList } from "./run-list";

type OpenDialog = "credentials" | "rename" | "disconnect" | "join" | Account | null;

export function ConnectionCard({
  connection,
  provider,
  accounts,
  allAccounts,
  syncs,
  onRetract,
}: {
  connection: Connection;
  /** Of a live connection. */
  provider: Provider | undefined;
  /** Those of the connection; undefined while they load. */
  accounts: readonly Account[] | undefined;
  allAccounts: readonly Account[];
  /** Those of the connection, the newest first; undefined while they load. */
  syncs: readonly Sync[] | undefined;
  onRetract: (sync: Sync) => void;
}): JSX.Element {
  const [dialog, setDialog] = useState<OpenDialog>(null);
  const close = (): void => setDialog(null);
  const { running, error: syncError, refresh } = useSync(connection, syncs);
  const { error: signInError, isBusy: isLeaving, run: renew } = useAction(async () => {
    if (provider?.uses_browser && connection.state !== "disconnected") await signIn({ connection_id: connection.id });
    else setDialog("credentials");
  });
  const isConnected = provider !== undefined && connection.state !== "disconnected";
  const results = newestResults(accounts ?? [], syncs ?? []);
  const newest = syncs?.find((sync) => sync.accounts.length > 0);
  const detail = remainingDetail(connection, accounts ?? [], newest?.accounts ?? []);
  const needsRenewal = isConnected && (connection.state === "needs_reauthentication" || endsSoon(connection));
  const renewLabel = provider?.uses_browser ? "Sign in again" : "Enter credentials again";
  return (
    <section class="card" aria-label={connection.name}>
      <header>
        <div>
          <h2>{connection.name}</h2>
          <p class="muted">
            {provider?.name ?? connectionLabel(connection.provider)}
            {accounts && ` · ${formatCount(accounts.length, "account")}`}
          </p>
        </div>
        {(provider || connection.state !== "active") && (
          <Badge tone={connection.state === "active" ? "good" : "warn"}>
            {CONNECTION_STATE_LABELS[connection.state]}
          </Badge>
        )}
        {isConnected && (
          <button
            type="button"
            class="button is-small"
            disabled={running !== null}
            onClick={() => void refresh()}
          >
            <Icon name="refresh" /> {running ? "Refreshing …" : "Refresh"}
          </button>
        )}
      </header>
      {provider && <Schedule connection={connection} />}
      {running && <progress aria-label={`${connection.name} is being read`} />}
      <p role="status" class="refresh-status muted">
        {running?.detail}
        {syncError?.message}
        {syncError?.retryAt && ` Refresh again after ${formatDateTime(new Date(syncError.retryAt))}.`}
      </p>
      {(detail || needsRenewal) && (
        <div class="notice is-warn">
          <div>
            <strong>{detail ?? "The consent ends soon."}</strong>
          </div>
          {needsRenewal && (
            <button type="button" class="button is-small" disabled={isLeaving} onClick={() => void renew()}>
              {renewLabel}
            </button>
          )}
        </div>
      )}
      {provider && connection.state === "disconnected" && (
        <p class="actions">
          <button type="button" class="button" onClick={() => setDialog("credentials")}>
            Connect again
          </button>
        </p>
      )}
      <ErrorNotice error={signInError} />
      <Joins accounts={accounts ?? []} others={allAccounts} />
      {accounts && (
        <Institutions
          connection={connection}
          accounts={accounts}
          allAccounts={allAccounts}
          results={isConnected ? results : new Map()}
          isRunning={running !== null}
          onSeparate={setDialog}
        />
      )}
      <details class="table-toggle">
        <summary>Change this connection</summary>
        <p class="actions">
          {isConnected && provider.uses_browser && (
            <Action onClick={() => void renew()}>{renewLabel}</Action>
          )}
          {isConnected && <Action onClick={() => setDialog("credentials")}>Replace the credentials …</Action>}
          <Action onClick={() => setDialog("rename")}>Rename …</Action>
          {accounts && accounts.length > 0 && allAccounts.length > 1 && (
            <Action onClick={() => setDialog("join")}>Join accounts …</Action>
          )}
          {isConnected && (
            <Action isDanger onClick={() => setDialog("disconnect")}>
              Disconnect …
            </Action>
          )}
          {provider?.help_url && <ExternalLink href={provider.help_url}>Help of {provider.name}</ExternalLink>}
        </p>
      </details>
      {!syncs && <Skeleton lines={2} label="Loading the runs" />}
      {syncs && <RunList connection={connection} accounts={accounts ?? []} syncs={syncs} onRetract={onRetract} />}
      {dialog === "credentials" && provider && (
        <CredentialsDialog connection={connection} provider={provider} onClose={close} />
      )}
      {dialog === "rename" && <RenameDialog connection={connection} onClose={close} />}
      {dialog === "disconnect" && (
        <DisconnectDialog connection={connection} accounts={accounts ?? []} onClose={close} />
      )}
      {dialog === "join" && <JoinDialog accounts={accounts ?? []} others={allAccounts} onClose={close} />}
      {dialog !== null && typeof dialog === "object" && <SeparateDialog account={dialog} onClose={close} />}
    </section>
  );
}

interface RunningSync {
  /** The sync that runs, begun here or elsewhere. */
  readonly running: Sync | null;
  readonly error: ReturnType<typeof useAction>["error"];
  readonly refresh: () => Promise<void>;
}

/** Start a sync, and follow the one that runs. */
function useSync(connection: Connection, syncs: readonly Sync[] | undefined): RunningSync {
  const [sync, setSync] = useState<Sync | null>(null);
  const elsewhere = syncs?.find(({ state, file_format }) => state === "running" && file_format === null);
  const { error, isBusy, run: refresh } = useAction(async () => {
    try {
      await syncConnection(connection.id, setSync);
    } finally {
      setSync(null);
      invalidateAll();
    }
  });
  useEffect(() => {
    if (isBusy || !elsewhere) return undefined;
    const controller = new AbortController();
    followSync(elsewhere, setSync, controller.signal).then(
      () => {
        setSync(null);
        invalidateAll();
      },
      // The next load of the page finds it again.
      () => setSync(null),
    );
    return () => controller.abort();
  }, [elsewhere?.id, isBusy]);
  return { running: sync?.state === "running" ? sync : null, error, refresh };
}

function Schedule({ connection }: { connection: Connection }): JSX.Element {
  const { last_synced_at: last, next_sync_at: next, expires_at: end } = connection;
  return (
    <dl class="schedule">
      <Fact title="Last sync">{last ? <Moment at={last} /> : "none yet"}</Fact>
      <Fact title="Next sync">{next ? <Moment at={next} /> : "none planned"}</Fact>
      {end && (
        <Fact title={Date.parse(end) < Date.now() ? "Consent ended" : "Consent ends"}>
          <span class={endsSoon(connection) ? "is-warn" : undefined}>
            {formatDate(end)}, {formatRelative(end)}
          </span>
        </Fact>
      )}
    </dl>
  );
}

function Fact({ title, children }: { title: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{title}</dt>
      <dd>{children}</dd>
    </div>
  );
}

function Moment({ at }: { at: string }): JSX.Element {
  return (
    <time dateTime={at} title={formatDateTime(at)}>
      {formatRelative(at)}
    </time>
  );
}

function Action({
  isDanger = false,
  onClick,
  children,
}: {
  isDanger?: boolean;
  onClick: () => void;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <button type="button" class={isDanger ? "button is-small is-danger" : "button is-small"} onClick={onClick}>
      {children}
    </button>
  );
}

/** The accounts by institution, with the institution's own words above them. */
function Institutions({
  connection,
  accounts,
  allAccounts,
  results,
  isRunning,
  onSeparate,
}: {
  connection: Connection;
  accounts: readonly Account[];
  allAccounts: readonly Account[];
  results: ReadonlyMap<string, AccountResult>;
  isRunning: boolean;
  onSeparate: (account: Account) => void;
}): JSX.Element {
  const institutions = byInstitution(accounts, results);
  const isNamed = ({ name, problem }: Institution): boolean =>
    institutions.length > 1 || problem !== undefined || (name !== connection.name && results.size > 0);
  return (
    <>
      {institutions.map((institution) => (
        <div key={institution.name} class="institution">
          {isNamed(institution) && (
            <h3>
              {institution.name} {institution.problem && <Badge tone="warn">{describeOutcome(institution.problem)}</Badge>}
            </h3>
          )}
          {institution.sentences.map((sentence) => (
            <p key={sentence}>{sentence}</p>
          ))}
          <ul class="list">
            {institution.accounts.map((account) => (
              <AccountItem
                key={account.id}
                account={account}
                detail={twinDetail(account, allAccounts)}
                result={results.get(account.id)}
                isRunning={isRunning}
                onSeparate={onSeparate}
              />
            ))}
          </ul>
        </div>
      ))}
    </>
  );
}

function AccountItem({
  account,
  detail,
  result,
  isRunning,
  onSeparate,
}: {
  account: Account;
  /** Tells it from another account of its name. */
  detail: string | null;
  /** Of the newest run that has the account. */
  result: AccountResult | undefined;
  isRunning: boolean;
  onSeparate: (account: Account) => void;
}): JSX.Element {
  // A proposed join has a notice of its own, until it is decided.
  const isProposal = result?.code === "join_proposed";
  const isWhole = result === undefined || result.state === "succeeded" || (isProposal && !account.join_proposed_to);
  const sentence = result && !isProposal && !isOfInstitution(result) && sentenceOf(result, account);
  return (
    <li>
      <span>
        <Link to={`/accounts/${account.id}`}>{account.name}</Link>
        <span class={account.is_stale ? "subtext is-warn" : "subtext"}>
          {detail && `${detail} · `}
          {describeAge(account)}
          {result && isWhole && !isProposal && !isRunning && ` · ${describeOutcome(result)}`}
        </span>
        {sentence && <span class="subtext">{sentence}</span>}
      </span>
      {account.closed_at && <Badge>Closed</Badge>}
      {account.is_hidden && <Badge>Hidden</Badge>}
      {isRunning ? (
        <Badge>Being read</Badge>
      ) : (
        result && !isWhole && !isOfInstitution(result) && <Badge tone="warn">{describeOutcome(result)}</Badge>
      )}
      {account.joined_accounts.length > 0 && (
        <>
          <Badge>Joined of {account.joined_accounts.length + 1}</Badge>
          <button
            type="button"
            class="button is-small"
            aria-label={`Separate ${account.name}`}
            onClick={() => onSeparate(account)}
          >
            Separate …
          </button>
        </>
      )}
    </li>
  );
}

/** Settings: the accounts as their owner wants them, where one is signed in, how it looks. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get, patch, remove } from "../api/client";
import { RequestError, toRequestError } from "../api/http";
import { downloadFile, fetchAccounts } from "../api/queries";
import { signOut } from "../api/sign-out";
import type { Account, Schemas, Session } from "../api/types";
import { invalidateAll, useResource } from "../api/use-resource";
import {
  Badge,
  Dialog,
  ErrorNotice,
  Field,
  Icon,
  PageHeading,
  SegmentedControl,
  Skeleton,
  fieldError,
} from "../components/ui";
import { formatDate, formatRelative } from "../format/dates";
import { ACCOUNT_TYPE_LABELS } from "../format/labels";
import { formatCount } from "../format/numbers";
import { areAmountsHidden, theme, type Theme } from "../preferences";

const THEME_OPTIONS: readonly Theme[] = ["system", "light", "dark"];

export function SettingsPage(): JSX.Element {
  return (
    <>
      <PageHeading title="Settings" />
      <AppearanceSection />
      <AccountsSection />
      <SessionsSection />
      <PasswordSection />
      <DataSection />
    </>
  );
}

function AppearanceSection(): JSX.Element {
  return (
    <section class="block">
      <header>
        <h2>Appearance</h2>
      </header>
      <div class="setting">
        <span>Theme</span>
        <SegmentedControl label="Theme" options={THEME_OPTIONS} value={theme.value} onChange={(chosen) => (theme.value = chosen)} />
      </div>
      <div class="setting">
        <label for="private">
          Hide amounts
          <span class="hint">Everywhere: tables, charts, axes and what screen readers say.</span>
        </label>
        <input
          id="private"
          type="checkbox"
          role="switch"
          checked={areAmountsHidden.value}
          onChange={(event) => (areAmountsHidden.value = event.currentTarget.checked)}
        />
      </div>
    </section>
  );
}

function AccountsSection(): JSX.Element {
  const accounts = useResource("accounts", fetchAccounts);
  const [editedAccount, setEditedAccount] = useState<Account | null>(null);
  return (
    <section class="block">
      <header>
        <h2>Accounts</h2>
        {accounts.data && <span class="quiet">{formatCount(accounts.data.length, "account")}</span>}
      </header>
      {accounts.error && !accounts.data && <ErrorNotice error={accounts.error} retry={accounts.reload} />}
      {!accounts.data && !accounts.error && <Skeleton lines={4} />}
      {accounts.data?.length === 0 && <p class="quiet">There are no accounts yet.</p>}
      {accounts.data && accounts.data.length > 0 && (
        <ul class="rows">
          {accounts.data.map((account) => (
            <li key={account.id}>
              <span>
                <strong>{account.name}</strong>
                <span class="account-what">
                  {[account.institution, ACCOUNT_TYPE_LABELS[account.account_type], account.currency].filter(Boolean).join(" · ")}
                </span>
              </span>
              {account.is_hidden && <Badge>Hidden</Badge>}
              {account.closed_at && <Badge>Closed</Badge>}
              {account.balance_sign === -1 && <Badge>Sign turned</Badge>}
              <button
                type="button"
                class="button is-small"
                aria-label={`Change ${account.name}`}
                onClick={() => setEditedAccount(account)}
              >
                Change
              </button>
            </li>
          ))}
        </ul>
      )}
      {editedAccount && <AccountDialog account={editedAccount} onClose={() => setEditedAccount(null)} />}
    </section>
  );
}

function AccountDialog({ account, onClose }: { account: Account; onClose: () => void }): JSX.Element {
  const [error, setError] = useState<RequestError>();
  const submit = async (form: FormData): Promise<void> => {
    const isClosed = form.has("is_closed");
    const wasClosed = account.closed_at !== null;
    const change: Schemas["AccountPatch"] = {
      name: String(form.get("name")).trim(),
      account_type: String(form.get("account_type")) as Account["account_type"],
      balance_sign: form.has("is_turned") ? -1 : 1,
      is_hidden: form.has("is_hidden"),
      ...(isClosed === wasClosed
        ? {}
        : { closed_at: isClosed ? new Date().toISOString() : null }),
    };
    try {
      await patch("/api/v1/accounts/{id}", change, { path: { id: account.id } });
      invalidateAll();
      onClose();
    } catch (caught) {
      setError(toRequestError(caught));
    }
  };
  return (
    <Dialog title={account.name} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <Field label="Name" error={fieldError(error, "/name")}>
          {(ids) => <input {...ids} name="name" defaultValue={account.name} required />}
        </Field>
        <Field label="Type" hint="Cards, loans and mortgages count as liabilities.">
          {(ids) => (
            <select {...ids} name="account_type" value={account.account_type}>
              {Object.entries(ACCOUNT_TYPE_LABELS).map(([value, label]) => (
                <option key={value} value={value}>
                  {label}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Checkbox name="is_turned" label="Turn the sign of its balances" hint="Where the bank reports a debt as a positive number." isChecked={account.balance_sign === -1} />
        <Checkbox name="is_hidden" label="Hide" hint="It counts in no total. Its history stays." isChecked={account.is_hidden} />
        <Checkbox name="is_closed" label="Closed" hint={account.closed_at ? `Since ${formatDate(account.closed_at)}.` : "It counts until today, and no longer."} isChecked={account.closed_at !== null} />
        {error && !error.problem?.errors?.length && <ErrorNotice error={error} />}
        <p class="actions">
          <button type="submit" class="button is-primary">
            Save
          </button>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Checkbox({ name, label, hint, isChecked }: { name: string; label: string; hint: string; isChecked: boolean }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" name={name} defaultChecked={isChecked} />
      <span>
        {label}
        <span class="hint">{hint}</span>
      </span>
    </label>
  );
}

function SessionsSection(): JSX.Element {
  const sessions = useResource("sessions", (signal) => get("/api/v1/sessions", { signal }));
  const [error, setError] = useState<RequestError>();
  const endSession = async (session: Session): Promise<void> => {
    try {
      await remove("/api/v1/sessions/{id}", { path: { id: session.id } });
      sessions.reload();
    } catch (caught) {
      setError(toRequestError(caught));
    }
  };
  return (
    <section class="block">
      <header>
        <h2>Signed in</h2>
        <button type="button" class="button is-small" onClick={() => void signOut()}>
          Sign out here
        </button>
      </header>
      {sessions.error && !sessions.data && <ErrorNotice error={sessions.error} retry={sessions.reload} />}
      {error && <ErrorNotice error={error} />}
      {!sessions.data && !sessions.error && <Skeleton lines={2} />}
      <ul class="rows">
        {sessions.data?.sessions.map((session) => (
          <li key={session.id}>
            <span>
              <strong>{browserName(session.user_agent)}</strong>
              <span class="account-what">
                {session.address} · last used {formatRelative(session.last_used_at)}
              </span>
            </span>
            {session.is_current ? (
              <Badge tone="good">This browser</Badge>
            ) : (
              <button
                type="button"
                class="button is-small"
                aria-label={`Sign out ${browserName(session.user_agent)} at ${session.address}`}
                onClick={() => void endSession(session)}
              >
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
    </section>
  );
}

function PasswordSection(): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const [error, setError] = useState<RequestError>();
  const [isSaved, setIsSaved] = useState(false);
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const fields = new FormData(form);
    setIsSaved(false);
    setError(undefined);
    try {
      await patch("/api/v1/users/me", {
        password: String(fields.get("password")),
        new_password: String(fields.get("new_password")),
      });
      form.reset();
      setIsSaved(true);
      invalidateAll();
    } catch (caught) {
      setError(toRequestError(caught));
    }
  };
  return (
    <section class="block">
      <header>
        <h2>Password</h2>
        <span class="quiet">{user.data?.email}</span>
      </header>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(event.currentTarget);
        }}
      >
        <input class="unseen" tabIndex={-1} aria-hidden="true" readOnly autoComplete="username" value={user.data?.email ?? ""} />
        <div class="fields">
          <Field label="Password now" error={fieldError(error, "/password")}>
            {(ids) => <input {...ids} type="password" name="password" autoComplete="current-password" required />}
          </Field>
          <Field label="New password" hint="12 characters or more." error={fieldError(error, "/new_password")}>
            {(ids) => (
              <input {...ids} type="password" name="new_password" autoComplete="new-password" minLength={12} required />
            )}
          </Field>
        </div>
        {error && !error.problem?.errors?.length && <ErrorNotice error={error} />}
        <p class="actions">
          <button type="submit" class="button">
            Change the password
          </button>
          <span role="status" class="quiet">
            {isSaved && "Changed. Every other session was signed out."}
          </span>
        </p>
      </form>
    </section>
  );
}

function DataSection(): JSX.Element {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const save = async (): Promise<void> => {
    setIsBusy(true);
    try {
      await downloadFile("/api/v1/export", "dashtam-export.json");
    } catch (caught) {
      setError(toRequestError(caught));
    }
    setIsBusy(false);
  };
  return (
    <section class="block">
      <header>
        <h2>Your data</h2>
      </header>
      <p class="quiet">All of it in one file: accounts, balances, holdings and runs.</p>
      {error && <ErrorNotice error={error} />}
      <p class="actions">
        <button type="button" class="button" disabled={isBusy} onClick={() => void save()}>
          <Icon name="download" /> {isBusy ? "Saving …" : "Save everything"}
        </button>
        <a class="ghost has-word" href="docs">
          API reference
        </a>
      </p>
    </section>
  );
}

/** A browser's name, as far as it tells. */
function browserName(userAgent: string): string {
  const match =
    /(Edg|OPR|Firefox|HeadlessChrome|Chrome|Version)\/(\d+)/.exec(userAgent.replace(/Chrome\/\d+.*(Edg|OPR)/, "$1"));
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", Version: "Safari", HeadlessChrome: "Chrome" };
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  if (!match) return userAgent.split(/[ /]/)[0] || "Unknown";
  const name = names[match[1]!] ?? match[1]!;
  return `${name} ${match[2]}${system ? ` on ${system.replace("Mac OS X", "macOS")}` : ""}`;
}

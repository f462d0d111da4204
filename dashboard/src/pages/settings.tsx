/** Settings: the accounts as their owner wants them, where one is signed in, how it looks. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { Failure, get, patch, remove, type Account, type Session, type Shapes } from "../api/client";
import { showAgo, showDay } from "../format/dates";
import { areAmountsHidden, theme, type Theme } from "../preferences";
import { allAccounts, download } from "../api/queries";
import { asFailure, everythingChanged, useResource } from "../api/use-resource";
import { Badge, Choice, Dialog, Failed, Field, Heading, Icon, Waiting, faultAt } from "../components/ui";
import { signOut } from "../api/sign-out";
import { TYPES, count } from "../format/labels";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

export function Settings(): JSX.Element {
  return (
    <>
      <Heading title="Settings" />
      <Appearance />
      <Accounts />
      <Sessions />
      <Password />
      <Data />
    </>
  );
}

function Appearance(): JSX.Element {
  return (
    <section class="block">
      <header>
        <h2>Appearance</h2>
      </header>
      <div class="setting">
        <span>Theme</span>
        <Choice label="Theme" options={THEMES} chosen={theme.value} choose={(chosen) => (theme.value = chosen)} />
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

function Accounts(): JSX.Element {
  const accounts = useResource("accounts", allAccounts);
  const [editing, setEditing] = useState<Account | null>(null);
  return (
    <section class="block">
      <header>
        <h2>Accounts</h2>
        {accounts.data && <span class="quiet">{count(accounts.data.length, "account")}</span>}
      </header>
      {accounts.failure && !accounts.data && <Failed failure={accounts.failure} retry={accounts.reload} />}
      {!accounts.data && !accounts.failure && <Waiting lines={4} />}
      {accounts.data?.length === 0 && <p class="quiet">There are no accounts yet.</p>}
      {accounts.data && accounts.data.length > 0 && (
        <ul class="rows">
          {accounts.data.map((account) => (
            <li key={account.id}>
              <span>
                <strong>{account.name}</strong>
                <span class="account-what">
                  {[account.institution, TYPES[account.account_type], account.currency].filter(Boolean).join(" · ")}
                </span>
              </span>
              {account.is_hidden && <Badge>Hidden</Badge>}
              {account.closed_at && <Badge>Closed</Badge>}
              {account.balance_sign === -1 && <Badge>Sign turned</Badge>}
              <button
                type="button"
                class="button is-small"
                aria-label={`Change ${account.name}`}
                onClick={() => setEditing(account)}
              >
                Change
              </button>
            </li>
          ))}
        </ul>
      )}
      {editing && <AccountForm account={editing} close={() => setEditing(null)} />}
    </section>
  );
}

function AccountForm({ account, close }: { account: Account; close: () => void }): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const submit = async (form: FormData): Promise<void> => {
    const isClosed = form.has("is_closed");
    const wasClosed = account.closed_at !== null;
    const change: Shapes["AccountPatch"] = {
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
      everythingChanged();
      close();
    } catch (trouble) {
      setFailure(asFailure(trouble));
    }
  };
  return (
    <Dialog title={account.name} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        <Field label="Name" fault={faultAt(failure, "/name")}>
          {(ids) => <input {...ids} name="name" defaultValue={account.name} required />}
        </Field>
        <Field label="Type" hint="Cards, loans and mortgages count as liabilities.">
          {(ids) => (
            <select {...ids} name="account_type" value={account.account_type}>
              {Object.entries(TYPES).map(([value, title]) => (
                <option key={value} value={value}>
                  {title}
                </option>
              ))}
            </select>
          )}
        </Field>
        <Check name="is_turned" label="Turn the sign of its balances" hint="Where the bank reports a debt as a positive number." isOn={account.balance_sign === -1} />
        <Check name="is_hidden" label="Hide" hint="It counts in no total. Its history stays." isOn={account.is_hidden} />
        <Check name="is_closed" label="Closed" hint={account.closed_at ? `Since ${showDay(account.closed_at)}.` : "It counts until today, and no longer."} isOn={account.closed_at !== null} />
        {failure && !failure.problem?.errors?.length && <Failed failure={failure} />}
        <p class="actions">
          <button type="submit" class="button is-primary">
            Save
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

function Check({ name, label, hint, isOn }: { name: string; label: string; hint: string; isOn: boolean }): JSX.Element {
  return (
    <label class="check">
      <input type="checkbox" name={name} defaultChecked={isOn} />
      <span>
        {label}
        <span class="hint">{hint}</span>
      </span>
    </label>
  );
}

function Sessions(): JSX.Element {
  const sessions = useResource("sessions", (signal) => get("/api/v1/sessions", { signal }));
  const [failure, setFailure] = useState<Failure>();
  const end = async (session: Session): Promise<void> => {
    try {
      await remove("/api/v1/sessions/{id}", { path: { id: session.id } });
      sessions.reload();
    } catch (trouble) {
      setFailure(asFailure(trouble));
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
      {sessions.failure && !sessions.data && <Failed failure={sessions.failure} retry={sessions.reload} />}
      {failure && <Failed failure={failure} />}
      {!sessions.data && !sessions.failure && <Waiting lines={2} />}
      <ul class="rows">
        {sessions.data?.sessions.map((session) => (
          <li key={session.id}>
            <span>
              <strong>{browserOf(session.user_agent)}</strong>
              <span class="account-what">
                {session.address} · last used {showAgo(session.last_used_at)}
              </span>
            </span>
            {session.is_current ? (
              <Badge tone="good">This browser</Badge>
            ) : (
              <button
                type="button"
                class="button is-small"
                aria-label={`Sign out ${browserOf(session.user_agent)} at ${session.address}`}
                onClick={() => void end(session)}
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

function Password(): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const [failure, setFailure] = useState<Failure>();
  const [isDone, setIsDone] = useState(false);
  const submit = async (form: HTMLFormElement): Promise<void> => {
    const given = new FormData(form);
    setIsDone(false);
    setFailure(undefined);
    try {
      await patch("/api/v1/users/me", {
        password: String(given.get("password")),
        new_password: String(given.get("new_password")),
      });
      form.reset();
      setIsDone(true);
      everythingChanged();
    } catch (trouble) {
      setFailure(asFailure(trouble));
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
          <Field label="Password now" fault={faultAt(failure, "/password")}>
            {(ids) => <input {...ids} type="password" name="password" autoComplete="current-password" required />}
          </Field>
          <Field label="New password" hint="12 characters or more." fault={faultAt(failure, "/new_password")}>
            {(ids) => (
              <input {...ids} type="password" name="new_password" autoComplete="new-password" minLength={12} required />
            )}
          </Field>
        </div>
        {failure && !failure.problem?.errors?.length && <Failed failure={failure} />}
        <p class="actions">
          <button type="submit" class="button">
            Change the password
          </button>
          <span role="status" class="quiet">
            {isDone && "Changed. Every other session was signed out."}
          </span>
        </p>
      </form>
    </section>
  );
}

function Data(): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const save = async (): Promise<void> => {
    setIsBusy(true);
    try {
      await download("/api/v1/export", "dashtam-export.json");
    } catch (trouble) {
      setFailure(asFailure(trouble));
    }
    setIsBusy(false);
  };
  return (
    <section class="block">
      <header>
        <h2>Your data</h2>
      </header>
      <p class="quiet">All of it in one file: accounts, balances, holdings and runs.</p>
      {failure && <Failed failure={failure} />}
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
function browserOf(userAgent: string): string {
  const found =
    /(Edg|OPR|Firefox|HeadlessChrome|Chrome|Version)\/(\d+)/.exec(userAgent.replace(/Chrome\/\d+.*(Edg|OPR)/, "$1"));
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", Version: "Safari", HeadlessChrome: "Chrome" };
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  if (!found) return userAgent.split(/[ /]/)[0] || "Unknown";
  const name = names[found[1]!] ?? found[1]!;
  return `${name} ${found[2]}${system ? ` on ${system.replace("Mac OS X", "macOS")}` : ""}`;
}

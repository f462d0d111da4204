/** Settings: appearance, accounts, sessions, the password, and a copy of all data. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { get, patch, remove, request } from "../api/client";
import { clearImportQueue } from "../api/import-queue";
import { fetchAccounts } from "../api/queries";
import { endSession } from "../api/session";
import type { Account, Session } from "../api/types";
import { useAction } from "../api/use-action";
import { clearCache, invalidateAll, useResource } from "../api/use-resource";
import { Badge } from "../components/badge";
import { ErrorNotice } from "../components/error-notice";
import { Field, Form } from "../components/form";
import { Icon } from "../components/icon";
import { PageHeading } from "../components/page-heading";
import { ResourceStatus } from "../components/resource-status";
import { Section } from "../components/section";
import { SegmentedControl } from "../components/segmented-control";
import { TimeZoneSetting } from "../components/time-zone";
import { EditAccountDialog } from "../dialogs/edit-account";
import { formatRelative } from "../format/dates";
import { describeAccount } from "../format/labels";
import { formatCount } from "../format/numbers";
import { areAmountsHidden, theme, type Theme } from "../preferences";
import { navigate } from "../router";
import { saveFile } from "../save-file";

const THEMES: readonly Theme[] = ["system", "light", "dark"];

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
    <Section title="Appearance">
      <div class="setting">
        <span>Theme</span>
        <SegmentedControl
          label="Theme"
          options={THEMES}
          value={theme.value}
          onChange={(chosen) => (theme.value = chosen)}
        />
      </div>
      <div class="setting">
        <label for="private">
          Hide amounts
          <span class="hint">Everywhere: in tables and charts, on axes and for screen readers.</span>
        </label>
        <input
          id="private"
          type="checkbox"
          role="switch"
          checked={areAmountsHidden.value}
          onChange={(event) => (areAmountsHidden.value = event.currentTarget.checked)}
        />
      </div>
      <TimeZoneSetting />
    </Section>
  );
}

function AccountsSection(): JSX.Element {
  const accounts = useResource("accounts", fetchAccounts);
  const [editedAccount, setEditedAccount] = useState<Account | null>(null);
  const count = accounts.data && <span class="muted">{formatCount(accounts.data.length, "account")}</span>;
  return (
    <Section title="Accounts" aside={count}>
      <ResourceStatus resource={accounts} lines={4} />
      {accounts.data?.length === 0 && <p class="muted">There are no accounts yet.</p>}
      {accounts.data && accounts.data.length > 0 && (
        <ul class="list">
          {accounts.data.map((account) => (
            <li key={account.id}>
              <span>
                <strong>{account.name}</strong>
                <span class="subtext">{describeAccount(account, account.account_number_masked, account.currency)}</span>
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
      {editedAccount && <EditAccountDialog account={editedAccount} onClose={() => setEditedAccount(null)} />}
    </Section>
  );
}

function SessionsSection(): JSX.Element {
  const sessions = useResource("sessions", (signal) => get("/api/v1/sessions", { signal }));
  const { error, run: end } = useAction(async ({ id }: Session) => {
    await remove("/api/v1/sessions/{id}", { path: { id } });
    sessions.reload();
  });
  const signOutHere = (
    <button type="button" class="button is-small" onClick={() => void signOut()}>
      Sign out here
    </button>
  );
  return (
    <Section title="Signed in" aside={signOutHere}>
      <ErrorNotice error={error} />
      <ResourceStatus resource={sessions} lines={2} />
      <ul class="list">
        {sessions.data?.sessions.map((session) => (
          <li key={session.id}>
            <span>
              <strong>{browserName(session.user_agent)}</strong>
              <span class="subtext">
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
                onClick={() => void end(session)}
              >
                Sign out
              </button>
            )}
          </li>
        ))}
      </ul>
    </Section>
  );
}

/** End the session at the server, and drop the user's data from the page whether that succeeds or not. */
async function signOut(): Promise<void> {
  try {
    await remove("/api/v1/sessions/current");
  } finally {
    clearCache();
    clearImportQueue();
    endSession("signed-out");
    navigate("/", { replace: true });
  }
}

function PasswordSection(): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const [isSaved, setIsSaved] = useState(false);
  const email = user.data?.email;
  return (
    <Section title="Password" aside={<span class="muted">{email}</span>}>
      <Form
        onSubmit={async (fields, form) => {
          setIsSaved(false);
          await patch("/api/v1/users/me", {
            password: String(fields.get("password")),
            new_password: String(fields.get("new_password")),
          });
          form.reset();
          setIsSaved(true);
          invalidateAll();
        }}
        actions={() => (
          <p class="actions">
            <button type="submit" class="button">
              Change the password
            </button>
            <span role="status" class="muted">
              {isSaved && "Changed. Every other session was signed out."}
            </span>
          </p>
        )}
      >
        {(errorOf) => (
          <>
            <input
              class="visually-hidden"
              tabIndex={-1}
              aria-hidden="true"
              readOnly
              autoComplete="username"
              value={email ?? ""}
            />
            <div class="fields">
              <Field label="Password now" error={errorOf("/password")}>
                {(ids) => <input {...ids} type="password" name="password" autoComplete="current-password" required />}
              </Field>
              <Field label="New password" hint="12 characters or more." error={errorOf("/new_password")}>
                {(ids) => (
                  <input
                    {...ids}
                    type="password"
                    name="new_password"
                    autoComplete="new-password"
                    minLength={12}
                    required
                  />
                )}
              </Field>
            </div>
          </>
        )}
      </Form>
    </Section>
  );
}

function DataSection(): JSX.Element {
  const { error, isBusy, run: save } = useAction(async () => {
    // A plain link could not send the access token.
    const response = await request("GET", "/api/v1/export");
    saveFile(await response.blob(), "dashtam-export.json");
  });
  return (
    <Section title="Your data">
      <p class="muted">All of it in one file: accounts, balances, holdings and runs.</p>
      <ErrorNotice error={error} />
      <p class="actions">
        <button type="button" class="button" disabled={isBusy} onClick={() => void save()}>
          <Icon name="download" /> {isBusy ? "Saving …" : "Save everything"}
        </button>
        <a class="ghost has-label" href="docs">
          API reference
        </a>
      </p>
    </Section>
  );
}

/** Return the names of a browser and its system, as far as its user agent tells. */
function browserName(userAgent: string): string {
  const match =
    /(Edg|OPR|Firefox|HeadlessChrome|Chrome|Version)\/(\d+)/.exec(userAgent.replace(/Chrome\/\d+.*(Edg|OPR)/, "$1"));
  const names: Record<string, string> = { Edg: "Edge", OPR: "Opera", Version: "Safari", HeadlessChrome: "Chrome" };
  const system = /(Windows|Android|iPhone|iPad|Mac OS X|Linux)/.exec(userAgent)?.[1];
  if (!match) return userAgent.split(/[ /]/)[0] || "Unknown";
  const name = names[match[1]!] ?? match[1]!;
  return `${name} ${match[2]}${system ? ` on ${system.replace("Mac OS X", "macOS")}` : ""}`;
}

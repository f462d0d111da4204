/** The changes of a connection: its credentials, its name, and its end. */

import type { JSX } from "preact";

import { patch, remove } from "../api/client";
import { signIn, type Provider } from "../api/providers";
import type { Account, Connection } from "../api/types";
import { CredentialFields, typedCredentials } from "../components/credentials";
import { FormDialog } from "../components/dialog";
import { Field } from "../components/form";
import { formatCount } from "../format/numbers";

interface ChangeDialogProps {
  readonly connection: Connection;
  readonly onClose: () => void;
}

/** Other credentials for the same accounts; where the user signs in at a page, stored ones may stay. */
export function CredentialsDialog({
  connection,
  provider,
  onClose,
}: ChangeDialogProps & { provider: Provider }): JSX.Element {
  const areKept = provider.uses_browser && connection.state !== "disconnected";
  const replace = (fields: FormData): Promise<unknown> => {
    const credentials = typedCredentials(provider, fields);
    if (provider.uses_browser) return signIn({ connection_id: connection.id, credentials });
    return patch("/api/v1/connections/{id}", { credentials }, { path: { id: connection.id } });
  };
  return (
    <FormDialog
      title={`Credentials of ${connection.name}`}
      submitLabel={provider.uses_browser ? "Continue to the bank" : "Replace and sync"}
      busyLabel={provider.uses_browser ? "Going to the bank …" : "Syncing …"}
      onSubmit={replace}
      onClose={onClose}
    >
      {(errorOf) => (
        <>
          <p>
            The accounts and their history continue. Credentials that {provider.name} refuses change nothing.
            {areKept && " A field that stays empty keeps its value."}
          </p>
          <CredentialFields provider={provider} errorOf={errorOf} areKept={areKept} />
        </>
      )}
    </FormDialog>
  );
}

export function RenameDialog({ connection, onClose }: ChangeDialogProps): JSX.Element {
  const rename = (fields: FormData): Promise<unknown> =>
    patch(
      "/api/v1/connections/{id}",
      { name: String(fields.get("name")).trim() },
      { path: { id: connection.id } },
    );
  return (
    <FormDialog title={`Rename ${connection.name}`} submitLabel="Rename" onSubmit={rename} onClose={onClose}>
      {(errorOf) => (
        <Field label="Name" error={errorOf("/name")}>
          {(ids) => <input {...ids} name="name" defaultValue={connection.name} maxLength={200} required />}
        </Field>
      )}
    </FormDialog>
  );
}

export function DisconnectDialog({
  connection,
  accounts,
  onClose,
}: ChangeDialogProps & { accounts: readonly Account[] }): JSX.Element {
  return (
    <FormDialog
      title={`Disconnect ${connection.name}?`}
      submitLabel="Disconnect"
      isDanger
      onSubmit={() => remove("/api/v1/connections/{id}", { path: { id: connection.id } })}
      onClose={onClose}
    >
      {() => (
        <>
          <p>
            <strong>It stays:</strong> {formatCount(accounts.length, "account")} with all balances, in every chart and
            total, and the list of runs.
          </p>
          <p>
            <strong>It ends:</strong> no further sync, and the credentials are destroyed here. The access itself can be
            ended at the provider.
          </p>
          <p>With credentials it can be connected again, and the same history continues.</p>
        </>
      )}
    </FormDialog>
  );
}

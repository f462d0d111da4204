/** A new connection to a provider, with its credentials. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { idempotencyHeader, post } from "../api/client";
import { signIn, type Provider } from "../api/providers";
import { CredentialFields, typedCredentials } from "../components/credentials";
import { FormDialog } from "../components/dialog";
import { Field, Options } from "../components/form";

export function ConnectDialog({
  providers,
  onClose,
}: {
  providers: readonly Provider[];
  onClose: () => void;
}): JSX.Element {
  const [slug, setSlug] = useState(providers[0]?.slug ?? "");
  const provider = providers.find((one) => one.slug === slug);
  const connect = (fields: FormData): Promise<unknown> => {
    const name = String(fields.get("connection_name")).trim();
    const body = { provider: slug, credentials: typedCredentials(provider, fields), ...(name ? { name } : {}) };
    if (provider?.uses_browser) return signIn(body);
    return post("/api/v1/connections", body, { headers: idempotencyHeader() });
  };
  return (
    <FormDialog title="Connect" submitLabel="Connect" busyLabel="Connecting …" onSubmit={connect} onClose={onClose}>
      {(errorOf) => (
        <>
          <Field label="Provider">
            {(ids) => (
              <select {...ids} value={slug} onChange={(event) => setSlug(event.currentTarget.value)}>
                <Options of={providers.map((provider) => [provider.slug, provider.name])} />
              </select>
            )}
          </Field>
          <CredentialFields provider={provider} errorOf={errorOf} />
          <Field label="Name (optional)" hint="Such as that of the bank." error={errorOf("/name")}>
            {(ids) => <input {...ids} name="connection_name" maxLength={200} autoComplete="off" />}
          </Field>
        </>
      )}
    </FormDialog>
  );
}

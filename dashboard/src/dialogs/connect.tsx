/** A new connection to a provider, with its credentials. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import {
  RefusedCredentials,
  connectProvider,
  replaceCredentials,
  signIn,
  type Provider,
} from "../api/providers";
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
  const [progress, setProgress] = useState<string | null>(null);
  // A connection with refused credentials takes others, so that it is not made twice.
  const [refused, setRefused] = useState<{ slug: string; connectionId: string } | null>(null);
  const provider = providers.find((one) => one.slug === slug);
  const connect = async (fields: FormData): Promise<unknown> => {
    const name = String(fields.get("connection_name")).trim();
    const body = { provider: slug, credentials: typedCredentials(provider, fields), ...(name ? { name } : {}) };
    if (provider?.uses_browser) return signIn(body);
    if (refused?.slug === slug) return replaceCredentials(refused.connectionId, body.credentials);
    return connectProvider(body, (sync) => setProgress(sync.detail)).catch((error: unknown) => {
      setProgress(null);
      if (error instanceof RefusedCredentials) setRefused({ slug, connectionId: error.connectionId });
      throw error;
    });
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
          <p role="status" class="hint">
            {progress}
          </p>
        </>
      )}
    </FormDialog>
  );
}

/** A new connection to a provider, with its credentials. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { post } from "../api/client";
import { RefusedCredentials, connectProvider, replaceCredentials, type Provider } from "../api/providers";
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
  // A connection whose credentials were refused takes others, so that it is not made twice.
  const [refused, setRefused] = useState<{ slug: string; connectionId: string } | null>(null);
  const provider = providers.find((one) => one.slug === slug);
  const credentials = provider?.credentials ?? [];
  const connect = async (fields: FormData): Promise<unknown> => {
    const typed = credentials
      .map(({ name }) => [name, String(fields.get(name)).trim()] as const)
      .filter(([, value]) => value !== "");
    const body = { provider: slug, credentials: Object.fromEntries(typed) };
    if (refused?.slug === slug) return replaceCredentials(refused.connectionId, body.credentials);
    if (!provider?.uses_browser) {
      return connectProvider(body, (sync) => setProgress(sync.detail)).catch((error: unknown) => {
        setProgress(null);
        if (error instanceof RefusedCredentials) setRefused({ slug, connectionId: error.connectionId });
        throw error;
      });
    }
    const { url } = await post("/api/v1/authorizations", body);
    location.assign(url);
    // The dialog stays until the bank's page is there.
    return new Promise(() => {});
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
          {credentials.map(({ name, title, secret, optional, multiline }) => (
            <Field
              key={name}
              label={optional ? `${title} (optional)` : title}
              error={errorOf(`/credentials/${name}`)}
            >
              {(ids) =>
                multiline ? (
                  <textarea {...ids} name={name} rows={4} autoComplete="off" spellcheck={false} required={!optional} />
                ) : secret ? (
                  <input {...ids} name={name} type="password" autoComplete="off" required={!optional} />
                ) : (
                  <input {...ids} name={name} autoComplete="off" required={!optional} />
                )
              }
            </Field>
          ))}
          {provider?.uses_browser && (
            <p class="hint">You sign in at the bank's own page, and come back here within ten minutes.</p>
          )}
          <p class="hint">Credentials are sealed before they are stored, and never shown again.</p>
          <p role="status" class="hint">
            {progress}
          </p>
        </>
      )}
    </FormDialog>
  );
}

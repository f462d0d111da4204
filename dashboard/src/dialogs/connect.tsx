/** A new connection to a provider, with its credentials. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { idempotencyHeader, post } from "../api/client";
import type { Provider } from "../api/providers";
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
  const credentials = providers.find((provider) => provider.slug === slug)?.credentials ?? [];
  const connect = (fields: FormData): Promise<unknown> => {
    const typed = credentials.map(({ name }) => [name, String(fields.get(name)).trim()]);
    const body = { provider: slug, credentials: Object.fromEntries(typed) as Record<string, string> };
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
          {credentials.map(({ name, title, secret }) => (
            <Field key={name} label={title} error={errorOf(`/credentials/${name}`)}>
              {(ids) =>
                secret ? (
                  <input {...ids} name={name} type="password" autoComplete="off" required />
                ) : (
                  <input {...ids} name={name} autoComplete="off" required />
                )
              }
            </Field>
          ))}
          <p class="hint">Credentials are sealed before they are stored, and never shown again.</p>
        </>
      )}
    </FormDialog>
  );
}

/** Connecting to a provider with what it hands out. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { createConnection, type Provider } from "../api/providers";
import { FormDialog } from "../components/form-dialog";
import { Field } from "../components/ui";

export function ConnectDialog({
  providers,
  onClose,
}: {
  providers: readonly Provider[];
  onClose: () => void;
}): JSX.Element {
  const [slug, setSlug] = useState(providers[0]?.slug ?? "");
  const provider = providers.find((option) => option.slug === slug);
  const connect = (form: FormData): Promise<void> => {
    const credentials = (provider?.credentials ?? []).map(({ name }) => [name, String(form.get(name)).trim()]);
    return createConnection(slug, Object.fromEntries(credentials) as Record<string, string>);
  };
  return (
    <FormDialog title="Connect" submitLabel="Connect" busyLabel="Connecting …" onSubmit={connect} onClose={onClose}>
      {(errorOf) => (
        <>
          <Field label="Provider">
            {(ids) => (
              <select {...ids} value={slug} onChange={(event) => setSlug(event.currentTarget.value)}>
                {providers.map((option) => (
                  <option key={option.slug} value={option.slug}>
                    {option.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {provider?.credentials.map(({ name, title, secret }) => (
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

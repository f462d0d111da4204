/** Connecting to a provider with what it hands out. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import { FormDialog } from "../components/form-dialog";
import { connect, type Provider } from "../api/providers";
import { Field } from "../components/ui";

export function Connect({
  providers,
  close,
}: {
  providers: readonly Provider[];
  close: () => void;
}): JSX.Element {
  const [slug, setSlug] = useState(providers[0]?.slug ?? "");
  const provider = providers.find((found) => found.slug === slug);
  const send = (form: FormData): Promise<void> => {
    const given = (provider?.credentials ?? []).map(({ name }) => [name, String(form.get(name)).trim()]);
    return connect(slug, Object.fromEntries(given) as Record<string, string>);
  };
  return (
    <FormDialog title="Connect" verb="Connect" verbWhileBusy="Connecting …" send={send} close={close}>
      {(faultOf) => (
        <>
          <Field label="Provider">
            {(ids) => (
              <select {...ids} value={slug} onChange={(event) => setSlug(event.currentTarget.value)}>
                {providers.map((found) => (
                  <option key={found.slug} value={found.slug}>
                    {found.name}
                  </option>
                ))}
              </select>
            )}
          </Field>
          {provider?.credentials.map(({ name, title, secret }) => (
            <Field key={name} label={title} fault={faultOf(`/credentials/${name}`)}>
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

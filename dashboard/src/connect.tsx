/** Connecting to a provider with what it hands out. */

import type { JSX } from "preact";
import { useState } from "preact/hooks";

import type { Failure } from "./api";
import { connect, type Provider } from "./live";
import { asFailure, everythingChanged } from "./resource";
import { Dialog, Failed, Field, faultAt } from "./ui";

export function Connect({
  providers,
  close,
}: {
  providers: readonly Provider[];
  close: () => void;
}): JSX.Element {
  const [slug, setSlug] = useState(providers[0]?.slug ?? "");
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const provider = providers.find((found) => found.slug === slug);
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    const given = (provider?.credentials ?? []).map(({ name }) => [name, String(form.get(name)).trim()]);
    try {
      await connect(slug, Object.fromEntries(given) as Record<string, string>);
      everythingChanged();
      close();
    } catch (trouble) {
      setFailure(asFailure(trouble));
      setIsBusy(false);
    }
  };
  return (
    <Dialog title="Connect" close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
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
          <Field key={name} label={title} fault={faultAt(failure, `/credentials/${name}`)}>
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
        {failure && <Failed failure={failure} />}
        <p class="actions">
          <button type="submit" class="button is-primary" disabled={isBusy}>
            {isBusy ? "Connecting …" : "Connect"}
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

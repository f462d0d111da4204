/** The fields for a provider's credentials. */

import type { JSX } from "preact";

import type { Provider } from "../api/providers";
import { Field, type ErrorOf } from "./form";
import { ExternalLink } from "./external-link";

/** `areKept` where stored credentials stand in for those that are left empty. */
export function CredentialFields({
  provider,
  errorOf,
  areKept = false,
}: {
  provider: Provider | undefined;
  errorOf: ErrorOf;
  areKept?: boolean;
}): JSX.Element | null {
  if (!provider) return null;
  return (
    <>
      {provider.credentials.map(({ name, title, secret, optional, multiline }) => {
        const isOptional = optional || areKept;
        return (
          <Field
            key={name}
            label={optional ? `${title} (optional)` : title}
            error={errorOf(`/credentials/${name}`)}
          >
            {(ids) =>
              multiline ? (
                <textarea {...ids} name={name} rows={4} autoComplete="off" spellcheck={false} required={!isOptional} />
              ) : secret ? (
                <input {...ids} name={name} type="password" autoComplete="off" required={!isOptional} />
              ) : (
                <input {...ids} name={name} autoComplete="off" required={!isOptional} />
              )
            }
          </Field>
        );
      })}
      {provider.uses_browser && (
        <p class="hint">You sign in at the bank's own page, and come back here within ten minutes.</p>
      )}
      <p class="hint">
        Credentials are sealed before they are stored, and never shown again.
        {provider.help_url && (
          <>
            {" "}
            <ExternalLink href={provider.help_url}>Where {provider.name} gives them</ExternalLink>
          </>
        )}
      </p>
    </>
  );
}

/** Return the credentials that were typed, without empty ones. */
export function typedCredentials(provider: Provider | undefined, fields: FormData): Record<string, string> {
  const typed = (provider?.credentials ?? [])
    .map(({ name }) => [name, String(fields.get(name)).trim()] as const)
    .filter(([, value]) => value !== "");
  return Object.fromEntries(typed);
}

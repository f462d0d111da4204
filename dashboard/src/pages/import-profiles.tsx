/** The mappings that are remembered for tables of one shape. */

import type { JSX } from "preact";

import { remove } from "../api/client";
import { fetchImportProfiles } from "../api/queries";
import type { ImportProfile } from "../api/types";
import { useAction } from "../api/use-action";
import { invalidateAll, useResource } from "../api/use-resource";
import { ErrorNotice } from "../components/error-notice";
import { Section } from "../components/section";
import { formatRelative } from "../format/dates";

const MAX_COLUMNS = 6;

/** Nothing where no mapping is remembered. */
export function ImportProfiles(): JSX.Element | null {
  const profiles = useResource("import-profiles", fetchImportProfiles);
  const { error, isBusy, run: forget } = useAction(async ({ id }: ImportProfile) => {
    await remove("/api/v1/import-profiles/{id}", { path: { id } });
    invalidateAll();
  });
  if (profiles.error && !profiles.data) return <ErrorNotice error={profiles.error} retry={profiles.reload} />;
  if (!profiles.data?.length) return null;
  return (
    <Section title="Remembered tables">
      <p class="muted">A table with the same header is read as the last one was. Recorded balances stay when it is forgotten.</p>
      <ErrorNotice error={error} />
      <ul class="list">
        {profiles.data.map((profile) => (
          <li key={profile.id}>
            <span>
              <strong>{profile.file_name ?? "A mapping without a file"}</strong>
              <span class="subtext">{describeProfile(profile)}</span>
            </span>
            <button
              type="button"
              class="button is-small"
              disabled={isBusy}
              aria-label={`Forget the table of ${profile.file_name ?? profile.columns.join(", ")}`}
              onClick={() => void forget(profile)}
            >
              Forget
            </button>
          </li>
        ))}
      </ul>
    </Section>
  );
}

function describeProfile({ columns, mapping, last_used_at, updated_at }: ImportProfile): string {
  const named = columns.filter(Boolean);
  const shown = named.slice(0, MAX_COLUMNS).join(", ") + (named.length > MAX_COLUMNS ? " …" : "");
  const { account_name: account, currency_code: currency } = mapping as Record<string, unknown>;
  const used = last_used_at ? `used ${formatRelative(last_used_at)}` : `remembered ${formatRelative(updated_at)}`;
  return [shown, account, currency, used].filter(Boolean).join(" · ");
}

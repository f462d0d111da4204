/** The time zone of the user's days: a setting, and a proposal of the browser's zone. */

import type { JSX } from "preact";

import { get, patch } from "../api/client";
import { useAction } from "../api/use-action";
import { invalidateAll, useResource } from "../api/use-resource";
import { timeZone } from "../format/locale";
import { isZoneProposed } from "../preferences";
import { ErrorNotice } from "./error-notice";

export function TimeZoneSetting(): JSX.Element {
  const user = useResource("user", (signal) => get("/api/v1/users/me", { signal }));
  const { error, isBusy, run } = useAction(async () => {
    await patch("/api/v1/users/me", { time_zone: timeZone });
    invalidateAll();
  });
  const current = user.data?.time_zone ?? "UTC";
  return (
    <>
      <div class="setting">
        <span>
          Time zone
          <span class="hint">Your days are those of {zoneName(current)}: of today, of balances, and of totals.</span>
        </span>
        {user.data && current !== timeZone && (
          <button type="button" class="button is-small" disabled={isBusy} onClick={() => void run()}>
            Use {zoneName(timeZone)}
          </button>
        )}
      </div>
      <ErrorNotice error={error} />
    </>
  );
}

/** Proposes the browser's zone once to a user without one. */
export function TimeZoneProposal(): JSX.Element | null {
  const isOpen = isZoneProposed.value && timeZone !== "UTC";
  const user = useResource(isOpen ? "user" : null, (signal) => get("/api/v1/users/me", { signal }));
  const { error, isBusy, run } = useAction(async () => {
    await patch("/api/v1/users/me", { time_zone: timeZone });
    isZoneProposed.value = false;
    invalidateAll();
  });
  if (!isOpen || !user.data || user.data.time_zone !== null) return null;
  return (
    <>
      <p class="muted time-zone-proposal">
        Your days are those of UTC.{" "}
        <button type="button" class="button is-small" disabled={isBusy} onClick={() => void run()}>
          Use {zoneName(timeZone)}
        </button>{" "}
        <button type="button" class="ghost has-label" onClick={() => (isZoneProposed.value = false)}>
          Keep UTC
        </button>
      </p>
      <ErrorNotice error={error} />
    </>
  );
}

function zoneName(name: string): string {
  return name.replaceAll("_", " ");
}

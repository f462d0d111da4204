/** The page to which the browser returns from a sign-in at a provider. */

import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { post } from "../api/client";
import { useAction } from "../api/use-action";
import { invalidateAll } from "../api/use-resource";
import { ErrorNotice } from "../components/error-notice";
import { PageHeading } from "../components/page-heading";
import { Skeleton } from "../components/resource-status";
import { Link, navigate } from "../router";

export function AuthorizationReturnPage(): JSX.Element {
  const { error, run } = useAction(async () => {
    const parameters = Object.fromEntries(new URLSearchParams(location.search));
    // A code is good once: it stays neither in the address nor in the history of the browser.
    history.replaceState(null, "", location.pathname);
    await post("/api/v1/authorizations/completions", { parameters });
    invalidateAll();
    navigate("/connections", { replace: true });
  });
  useEffect(() => void run(), []);
  return (
    <>
      <PageHeading title="Connecting" />
      {error ? (
        <>
          <ErrorNotice error={error} />
          <p>
            <Link to="/connections">Begin again on the page of connections</Link>
          </p>
        </>
      ) : (
        <Skeleton lines={3} label="Fetching the first balances" />
      )}
    </>
  );
}

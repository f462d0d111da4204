import type { JSX } from "preact";

import type { RequestError } from "../api/http";

/** An error with a way to retry, or nothing without an error. */
export function ErrorNotice({
  error,
  retry,
}: {
  error: RequestError | undefined;
  retry?: () => void;
}): JSX.Element | null {
  if (!error) return null;
  const traceId = error.problem?.trace_id;
  return (
    <div class="notice is-bad" role="alert">
      <div>
        <strong>{error.isUnreachable ? "You are offline." : error.message}</strong>
        <p>
          {error.isUnreachable
            ? "Dashtam cannot be reached at the moment. Loaded data stays here."
            : error.status >= 500
              ? "It was logged, and your data is safe. Trying again often helps."
              : "Nothing was changed."}
          {traceId && error.status >= 500 && <code class="trace-id">Trace {traceId}</code>}
        </p>
      </div>
      {retry && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

import type { JSX } from "preact";

import type { RequestError } from "../api/http";

/** An error with a way to retry, where that can help; nothing without an error. */
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
        {error.isUnreachable && <p>Dashtam cannot be reached at the moment. Loaded data stays here.</p>}
        {error.status >= 500 && (
          <p>
            It was logged, and your data is safe. Trying again often helps.
            {traceId && <code class="trace-id">Trace {traceId}</code>}
          </p>
        )}
      </div>
      {retry && error.isTemporary && (
        <button type="button" class="button" onClick={retry}>
          Try again
        </button>
      )}
    </div>
  );
}

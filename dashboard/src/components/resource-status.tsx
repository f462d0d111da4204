import type { JSX } from "preact";

import type { Resource } from "../api/use-resource";
import { ErrorNotice } from "./error-notice";

/** Stands in place of data that is not loaded: its error, or a skeleton. */
export function ResourceStatus({
  resource,
  lines,
}: {
  resource: Resource<unknown>;
  lines: number;
}): JSX.Element | null {
  if (resource.data) return null;
  return resource.error ? (
    <ErrorNotice error={resource.error} retry={resource.reload} />
  ) : (
    <Skeleton lines={lines} />
  );
}

/** Grey lines where text is about to appear; the label is read to screen readers. */
export function Skeleton({ lines = 3, label = "Loading" }: { lines?: number; label?: string }): JSX.Element {
  return (
    <div class="skeleton" role="status">
      <span class="visually-hidden">{label}</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="skeleton-line" aria-hidden="true" />
      ))}
    </div>
  );
}

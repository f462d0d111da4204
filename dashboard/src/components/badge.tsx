import type { ComponentChildren, JSX } from "preact";

export function Badge({
  tone = "quiet",
  children,
}: {
  tone?: "quiet" | "good" | "warn";
  children: ComponentChildren;
}): JSX.Element {
  return <span class={`badge is-${tone}`}>{children}</span>;
}

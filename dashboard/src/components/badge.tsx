import type { ComponentChildren, JSX } from "preact";

export function Badge({
  tone = "neutral",
  children,
}: {
  tone?: "neutral" | "good" | "warn";
  children: ComponentChildren;
}): JSX.Element {
  return <span class={`badge is-${tone}`}>{children}</span>;
}

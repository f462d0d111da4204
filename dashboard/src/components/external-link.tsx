import type { ComponentChildren, JSX } from "preact";

/** A link to another site, which opens in a window of its own and is not told where it was followed from. */
export function ExternalLink({ href, children }: { href: string; children: ComponentChildren }): JSX.Element {
  return (
    <a href={href} target="_blank" rel="noreferrer">
      {children}
      <span class="visually-hidden"> (opens a new window)</span>
    </a>
  );
}

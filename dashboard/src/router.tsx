/** Addresses of pages, without a reload between them. */

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";

import { addressOf, pathOf } from "./base-path";

export const path = signal(pathOf(location.pathname));

addEventListener("popstate", () => (path.value = pathOf(location.pathname)));

export function go(to: string, { replace = false } = {}): void {
  if (to === path.peek()) return;
  history[replace ? "replaceState" : "pushState"](null, "", addressOf(to));
  path.value = to;
  scrollTo(0, 0);
}

export function Link({
  to,
  children,
  ...rest
}: {
  to: string;
  children: ComponentChildren;
  class?: string | undefined;
  "aria-current"?: "page" | undefined;
}): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(to);
  };
  return (
    <a href={addressOf(to)} onClick={follow} {...rest}>
      {children}
    </a>
  );
}

/** The path of the shown page, and links that change it without a reload. */

import { signal } from "@preact/signals";
import type { ComponentChildren, JSX } from "preact";

import { toPath, toUrl } from "./base-path";

export const path = signal(toPath(location.pathname));

addEventListener("popstate", () => (path.value = toPath(location.pathname)));

export function navigate(to: string, { replace = false } = {}): void {
  if (to === path.peek()) return;
  history[replace ? "replaceState" : "pushState"](null, "", toUrl(to));
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
  const onClick = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    navigate(to);
  };
  return (
    <a href={toUrl(to)} onClick={onClick} {...rest}>
      {children}
    </a>
  );
}

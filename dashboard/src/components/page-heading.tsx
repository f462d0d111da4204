import type { ComponentChildren, JSX } from "preact";
import { useEffect } from "preact/hooks";

/** The title of a page and of its window, with a summary and actions below it. */
export function PageHeading({
  title,
  children,
  aboveTitle,
}: {
  title: string;
  children?: ComponentChildren;
  aboveTitle?: ComponentChildren;
}): JSX.Element {
  useEffect(() => {
    document.title = `${title} · Dashtam`;
  }, [title]);
  return (
    <header class="page-heading">
      {aboveTitle}
      <h1 tabIndex={-1}>{title}</h1>
      {children}
    </header>
  );
}

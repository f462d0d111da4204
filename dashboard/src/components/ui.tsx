/** The small parts that every page is made of. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { amountParts, formatPercent } from "../format/money";
import type { Failure } from "../api/client";
import { changeBetween, signOf, type Change } from "../domain/decimal";
import { showMinute } from "../format/dates";
import { areAmountsHidden, locale } from "../preferences";

export function Amount({
  text,
  currency,
  signed = false,
  isLarge = false,
}: {
  text: string;
  currency: string;
  signed?: boolean;
  isLarge?: boolean;
}): JSX.Element {
  const hidden = areAmountsHidden.value;
  const { before, whole, fraction, after } = amountParts(text, currency, { locale, signed, hidden });
  if (hidden) {
    return (
      <span class={isLarge ? "amount is-large is-hidden" : "amount is-hidden"}>
        <span aria-hidden="true">
          {before}
          {whole}
          {after}
        </span>
        <span class="unseen">Amount hidden</span>
      </span>
    );
  }
  return (
    <data class={isLarge ? "amount is-large" : "amount"} value={text}>
      {before}
      {whole}
      {fraction && <span class="fraction">{fraction}</span>}
      {after}
    </data>
  );
}

/** A change with its percent; nothing where there is nothing to compare with. */
export function ChangeShown({
  change,
  currency,
  isShort = false,
}: {
  change: Change | null;
  currency: string;
  isShort?: boolean;
}): JSX.Element | null {
  if (!change) return null;
  const direction = ["is-down", "is-level", "is-up"][signOf(change.amount) + 1]!;
  return (
    <span class={`change ${direction}`}>
      {!(isShort && change.percent) && <Amount text={change.amount} currency={currency} signed />}
      {change.percent !== null && signOf(change.amount) !== 0 && (
        <span class="percent">{formatPercent(change.percent, locale)}</span>
      )}
    </span>
  );
}

export function changeOf(points: readonly { balance: string }[]): Change | null {
  const first = points[0];
  const last = points.at(-1);
  return first && last ? changeBetween(first.balance, last.balance) : null;
}

const PATHS = {
  overview: "M3 17h4v-4h4v-3h4V5h6",
  connections: "M9 15l6-6M10.5 6.5l1-1a4.2 4.2 0 0 1 6 6l-1 1M13.5 17.5l-1 1a4.2 4.2 0 0 1-6-6l1-1",
  import: "M12 4v10m-4-4 4 4 4-4M5 17v3h14v-3",
  settings: "M4 8h8m4 0h4M4 16h2m4 0h10M14 6v4M8 14v4",
  seen: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  unseen: "M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.2 7.4A17 17 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4-.9",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  back: "M14.5 5.5 8 12l6.5 6.5",
  on: "M9.5 5.5 16 12l-6.5 6.5",
  close: "M6 6l12 12M18 6 6 18",
  download: "M12 4v10m-4-4 4 4 4-4M5 19h14",
  refresh: "M19.5 9A8 8 0 0 0 5 8.5M4.5 4v4.5H9M4.5 15A8 8 0 0 0 19 15.5m.5 4.5v-4.5H15",
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M6 23h6v-5h6v-5h5V8h3" />
    </svg>
  );
}

export function Badge({
  tone = "quiet",
  children,
}: {
  tone?: "quiet" | "good" | "warn" | "bad";
  children: ComponentChildren;
}): JSX.Element {
  return <span class={`badge is-${tone}`}>{children}</span>;
}

/** Grey lines where the words will be. */
export function Waiting({ lines = 3, label = "Loading" }: { lines?: number; label?: string }): JSX.Element {
  return (
    <div class="waiting" role="status">
      <span class="unseen">{label}</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="bone" aria-hidden="true" />
      ))}
    </div>
  );
}

export function Failed({ failure, retry }: { failure: Failure; retry?: () => void }): JSX.Element {
  const trace = failure.problem?.trace_id;
  return (
    <div class="notice is-bad" role="alert">
      <div>
        <strong>{failure.isOffline ? "You are offline." : failure.message}</strong>
        <p>
          {failure.isOffline
            ? "Dashtam cannot be reached at the moment. What was loaded before stays here."
            : failure.status >= 500
              ? "It was logged, and your data is safe. Trying again often helps."
              : "Nothing was changed."}
          {trace && failure.status >= 500 && <code class="trace">Trace {trace}</code>}
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

/** A page's first line: its title, what to know beside it, what can be done. */
export function Heading({
  title,
  children,
  above,
}: {
  title: string;
  children?: ComponentChildren;
  above?: ComponentChildren;
}): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Dashtam`;
  }, [title]);
  return (
    <header class="heading">
      {above}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </header>
  );
}

/** Choose one of a few, with the arrow keys too. */
export function Choice<T extends string>({
  label,
  options,
  chosen,
  choose,
  titles = {},
}: {
  label: string;
  options: readonly T[];
  chosen: T | null;
  choose: (option: T) => void;
  titles?: Partial<Record<T, string>>;
}): JSX.Element {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map((option) => (
        <label key={option} class={option === chosen ? "is-chosen" : undefined}>
          <input
            type="radio"
            name={name}
            value={option}
            checked={option === chosen}
            aria-label={titles[option]}
            onChange={() => choose(option)}
          />
          <span aria-hidden={titles[option] ? "true" : undefined}>{option}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A modal dialog, closed by Escape, by its button, or by a click beside it. */
export function Dialog({
  title,
  close,
  children,
}: {
  title: string;
  close: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const before = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        close();
      }}
      onMouseDown={(event) => event.target === dialog.current && close()}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="ghost" aria-label="Close" onClick={close}>
            <Icon name="close" />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}

/** A field with its name above it and, where something is wrong, the reason below. */
export function Field({
  label,
  hint,
  fault,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  fault?: string | undefined;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: "true" }) => JSX.Element;
}): JSX.Element {
  const id = useId();
  const said = hint || fault ? `${id}-more` : undefined;
  return (
    <div class={fault ? "field is-wrong" : "field"}>
      <label for={id}>{label}</label>
      {children({
        id,
        ...(said ? { "aria-describedby": said } : {}),
        ...(fault ? { "aria-invalid": "true" as const } : {}),
      })}
      {said && (
        <p id={said} class="hint">
          {fault ?? hint}
        </p>
      )}
    </div>
  );
}

/** What the API says of one field of a form. */
export function faultAt(failure: Failure | undefined, pointer: string): string | undefined {
  return failure?.problem?.errors?.find((fault) => fault.pointer === pointer)?.detail;
}

export function LoadedAt({ at }: { at: Date | undefined }): JSX.Element | null {
  return at ? <span>Loaded {showMinute(at)}</span> : null;
}

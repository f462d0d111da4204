/** The small parts that every page is made of. */

import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import type { RequestError } from "../api/http";
import { changeBetween, signOf, type Change } from "../domain/decimal";
import { formatDateTime } from "../format/dates";
import { amountParts, formatPercent } from "../format/money";
import { areAmountsHidden } from "../preferences";

export function Amount({
  text,
  currency,
  isSigned = false,
  isLarge = false,
}: {
  text: string;
  currency: string;
  isSigned?: boolean;
  isLarge?: boolean;
}): JSX.Element {
  const isHidden = areAmountsHidden.value;
  const { prefix, whole, fraction, suffix } = amountParts(text, currency, { isSigned, isHidden });
  if (isHidden) {
    return (
      <span class={isLarge ? "amount is-large is-hidden" : "amount is-hidden"}>
        <span aria-hidden="true">
          {prefix}
          {whole}
          {suffix}
        </span>
        <span class="unseen">Amount hidden</span>
      </span>
    );
  }
  return (
    <data class={isLarge ? "amount is-large" : "amount"} value={text}>
      {prefix}
      {whole}
      {fraction && <span class="fraction">{fraction}</span>}
      {suffix}
    </data>
  );
}

/** A change with its percent; nothing where there is nothing to compare with. */
export function ChangeLabel({
  change,
  currency,
  isPercentOnly = false,
}: {
  change: Change | null;
  currency: string;
  isPercentOnly?: boolean;
}): JSX.Element | null {
  if (!change) return null;
  const direction = ["is-down", "is-level", "is-up"][signOf(change.amount) + 1]!;
  return (
    <span class={`change ${direction}`}>
      {!(isPercentOnly && change.percent) && <Amount text={change.amount} currency={currency} isSigned />}
      {change.percent !== null && signOf(change.amount) !== 0 && (
        <span class="percent">{formatPercent(change.percent)}</span>
      )}
    </span>
  );
}

export function overallChange(points: readonly { balance: string }[]): Change | null {
  const firstPoint = points[0];
  const lastPoint = points.at(-1);
  return firstPoint && lastPoint ? changeBetween(firstPoint.balance, lastPoint.balance) : null;
}

const ICON_PATHS = {
  overview: "M3 17h4v-4h4v-3h4V5h6",
  connections: "M9 15l6-6M10.5 6.5l1-1a4.2 4.2 0 0 1 6 6l-1 1M13.5 17.5l-1 1a4.2 4.2 0 0 1-6-6l1-1",
  import: "M12 4v10m-4-4 4 4 4-4M5 17v3h14v-3",
  settings: "M4 8h8m4 0h4M4 16h2m4 0h10M14 6v4M8 14v4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  eyeOff: "M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.2 7.4A17 17 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4-.9",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  system: "M4 5h16v11H4zM9 20h6M12 16v4",
  back: "M14.5 5.5 8 12l6.5 6.5",
  forward: "M9.5 5.5 16 12l-6.5 6.5",
  close: "M6 6l12 12M18 6 6 18",
  download: "M12 4v10m-4-4 4 4 4-4M5 19h14",
  refresh: "M19.5 9A8 8 0 0 0 5 8.5M4.5 4v4.5H9M4.5 15A8 8 0 0 0 19 15.5m.5 4.5v-4.5H15",
} as const;

export type IconName = keyof typeof ICON_PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={ICON_PATHS[name]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
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
export function Skeleton({ lines = 3, label = "Loading" }: { lines?: number; label?: string }): JSX.Element {
  return (
    <div class="waiting" role="status">
      <span class="unseen">{label}</span>
      {Array.from({ length: lines }, (_, index) => (
        <span key={index} class="bone" aria-hidden="true" />
      ))}
    </div>
  );
}

export function ErrorNotice({ error, retry }: { error: RequestError; retry?: () => void }): JSX.Element {
  const traceId = error.problem?.trace_id;
  return (
    <div class="notice is-bad" role="alert">
      <div>
        <strong>{error.isUnreachable ? "You are offline." : error.message}</strong>
        <p>
          {error.isUnreachable
            ? "Dashtam cannot be reached at the moment. What was loaded before stays here."
            : error.status >= 500
              ? "It was logged, and your data is safe. Trying again often helps."
              : "Nothing was changed."}
          {traceId && error.status >= 500 && <code class="trace">Trace {traceId}</code>}
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
export function PageHeading({
  title,
  children,
  aboveTitle,
}: {
  title: string;
  children?: ComponentChildren;
  aboveTitle?: ComponentChildren;
}): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Dashtam`;
  }, [title]);
  return (
    <header class="heading">
      {aboveTitle}
      <h1 ref={heading} tabIndex={-1}>
        {title}
      </h1>
      {children}
    </header>
  );
}

/** Choose one of a few, with the arrow keys too. */
export function SegmentedControl<T extends string>({
  label,
  options,
  value,
  onChange,
  descriptions = {},
}: {
  label: string;
  options: readonly T[];
  value: T | null;
  onChange: (option: T) => void;
  descriptions?: Partial<Record<T, string>>;
}): JSX.Element {
  const name = useId();
  return (
    <fieldset class="choice">
      <legend class="unseen">{label}</legend>
      {options.map((option) => (
        <label key={option} class={option === value ? "is-chosen" : undefined}>
          <input
            type="radio"
            name={name}
            value={option}
            checked={option === value}
            aria-label={descriptions[option]}
            onChange={() => onChange(option)}
          />
          <span aria-hidden={descriptions[option] ? "true" : undefined}>{option}</span>
        </label>
      ))}
    </fieldset>
  );
}

/** A modal dialog, closed by Escape, by its button, or by a click beside it. */
export function Dialog({
  title,
  onClose,
  children,
}: {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}): JSX.Element {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const previousFocus = document.activeElement;
    dialog.current?.showModal();
    return () => {
      if (previousFocus instanceof HTMLElement) previousFocus.focus();
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => event.target === dialog.current && onClose()}
    >
      <div class="dialog">
        <header>
          <h2 id={id}>{title}</h2>
          <button type="button" class="ghost" aria-label="Close" onClick={onClose}>
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
  error,
  children,
}: {
  label: string;
  hint?: ComponentChildren;
  error?: string | undefined;
  children: (ids: { id: string; "aria-describedby"?: string; "aria-invalid"?: "true" }) => JSX.Element;
}): JSX.Element {
  const id = useId();
  const helpId = hint || error ? `${id}-more` : undefined;
  return (
    <div class={error ? "field is-wrong" : "field"}>
      <label for={id}>{label}</label>
      {children({
        id,
        ...(helpId ? { "aria-describedby": helpId } : {}),
        ...(error ? { "aria-invalid": "true" as const } : {}),
      })}
      {helpId && (
        <p id={helpId} class="hint">
          {error ?? hint}
        </p>
      )}
    </div>
  );
}

/** What the API says of one field of a form. */
export function fieldError(error: RequestError | undefined, pointer: string): string | undefined {
  return error?.problem?.errors?.find((error) => error.pointer === pointer)?.detail;
}

export function LoadedAt({ at }: { at: Date | undefined }): JSX.Element | null {
  return at ? <span>Loaded {formatDateTime(at)}</span> : null;
}

/** Forms that show the API's errors beside their fields. */

import type { ComponentChildren, JSX } from "preact";
import { useId } from "preact/hooks";

import { useAction } from "../api/use-action";
import { ErrorNotice } from "./error-notice";

/** Return the API's error of the field with this JSON pointer. */
export type ErrorOf = (pointer: string) => string | undefined;

export function Form({
  onSubmit,
  actions,
  children,
}: {
  onSubmit: (fields: FormData, form: HTMLFormElement) => Promise<unknown>;
  actions: (isBusy: boolean) => ComponentChildren;
  children: (errorOf: ErrorOf) => ComponentChildren;
}): JSX.Element {
  const { error, isBusy, run } = useAction(onSubmit);
  const fieldErrors = error?.problem?.errors ?? [];
  const shown = new Set<string>();
  const fields = children((pointer) => {
    shown.add(pointer);
    return fieldErrors.find((fieldError) => fieldError.pointer === pointer)?.detail;
  });
  const areAllShown = fieldErrors.length > 0 && fieldErrors.every(({ pointer }) => shown.has(pointer ?? ""));
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void run(new FormData(event.currentTarget), event.currentTarget);
      }}
    >
      {fields}
      <ErrorNotice error={areAllShown ? undefined : error} />
      {actions(isBusy)}
    </form>
  );
}

/** A labelled control, with a hint or an error below it. */
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
    <div class={error ? "field is-invalid" : "field"}>
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

/** The options of a select, as pairs of value and label; `chosen` is the value that it begins with. */
export function Options(props: { of: readonly (readonly [string, string])[]; chosen?: string }): JSX.Element {
  const { of: pairs, chosen } = props;
  return (
    <>
      {pairs.map(([value, label]) => (
        <option key={value} value={value} {...(chosen === undefined ? {} : { selected: value === chosen })}>
          {label}
        </option>
      ))}
    </>
  );
}

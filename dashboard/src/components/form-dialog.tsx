/** A dialog with a form: sent once at a time, and closed once what it holds was accepted. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { RequestError, toRequestError } from "../api/http";
import { invalidateAll } from "../api/use-resource";
import { Dialog, ErrorNotice, fieldError } from "./ui";

/** What the API says of the field that this pointer stands for. */
export type ErrorOf = (pointer: string) => string | undefined;

export function FormDialog({
  title,
  submitLabel,
  busyLabel = submitLabel,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  submitLabel: string;
  busyLabel?: string;
  onSubmit: (form: FormData) => Promise<unknown>;
  onClose: () => void;
  children: (errorOf: ErrorOf) => ComponentChildren;
}): JSX.Element {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    try {
      await onSubmit(form);
      invalidateAll();
      onClose();
    } catch (caught) {
      setError(toRequestError(caught));
      setIsBusy(false);
    }
  };
  const placedPointers = new Set<string>();
  const fields = children((pointer) => {
    placedPointers.add(pointer);
    return fieldError(error, pointer);
  });
  const fieldErrors = error?.problem?.errors ?? [];
  const areAllPlaced = fieldErrors.length > 0 && fieldErrors.every((fault) => placedPointers.has(fault.pointer ?? ""));
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        {fields}
        {error && !areAllPlaced && <ErrorNotice error={error} />}
        <p class="actions">
          <button type="submit" class="button is-primary" disabled={isBusy}>
            {isBusy ? busyLabel : submitLabel}
          </button>
          <button type="button" class="button" onClick={onClose}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

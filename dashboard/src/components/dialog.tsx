import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";

import { invalidateAll } from "../api/use-resource";
import { Form, type ErrorOf } from "./form";
import { Icon } from "./icon";

/** A modal dialog that Escape, its button, or a click beside it closes. */
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

/**
 * A dialog with one form; it closes, and every page loads again, when the API has accepted the form.
 * It stays open where `onSubmit` returns `"unconfirmed"`.
 */
export function FormDialog({
  title,
  submitLabel,
  busyLabel = submitLabel,
  isDanger = false,
  onSubmit,
  onClose,
  children,
}: {
  title: string;
  submitLabel: string;
  busyLabel?: string;
  isDanger?: boolean;
  onSubmit: (fields: FormData) => Promise<unknown>;
  onClose: () => void;
  children: (errorOf: ErrorOf) => ComponentChildren;
}): JSX.Element {
  return (
    <Dialog title={title} onClose={onClose}>
      <Form
        onSubmit={async (fields) => {
          if ((await onSubmit(fields)) === "unconfirmed") return;
          invalidateAll();
          onClose();
        }}
        actions={(isBusy) => (
          <p class="actions">
            <button type="submit" class={`button ${isDanger ? "is-danger" : "is-primary"}`} disabled={isBusy}>
              {isBusy ? busyLabel : submitLabel}
            </button>
            <button type="button" class="button" onClick={onClose}>
              Cancel
            </button>
          </p>
        )}
      >
        {children}
      </Form>
    </Dialog>
  );
}

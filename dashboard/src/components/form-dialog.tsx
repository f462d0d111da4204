/** A dialog with a form: sent once at a time, and closed once what it holds was accepted. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import type { Failure } from "../api/client";
import { asFailure, everythingChanged } from "../api/use-resource";
import { Dialog, Failed, faultAt } from "./ui";

/** What the API says of the field that this pointer stands for. */
export type FaultOf = (pointer: string) => string | undefined;

export function FormDialog({
  title,
  verb,
  verbWhileBusy = verb,
  send,
  close,
  children,
}: {
  title: string;
  verb: string;
  verbWhileBusy?: string;
  send: (form: FormData) => Promise<unknown>;
  close: () => void;
  children: (faultOf: FaultOf) => ComponentChildren;
}): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    try {
      await send(form);
      everythingChanged();
      close();
    } catch (trouble) {
      setFailure(asFailure(trouble));
      setIsBusy(false);
    }
  };
  const placed = new Set<string>();
  const fields = children((pointer) => {
    placed.add(pointer);
    return faultAt(failure, pointer);
  });
  const faults = failure?.problem?.errors ?? [];
  const isToldBeside = faults.length > 0 && faults.every((fault) => placed.has(fault.pointer ?? ""));
  return (
    <Dialog title={title} close={close}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          void submit(new FormData(event.currentTarget));
        }}
      >
        {fields}
        {failure && !isToldBeside && <Failed failure={failure} />}
        <p class="actions">
          <button type="submit" class="button is-primary" disabled={isBusy}>
            {isBusy ? verbWhileBusy : verb}
          </button>
          <button type="button" class="button" onClick={close}>
            Cancel
          </button>
        </p>
      </form>
    </Dialog>
  );
}

/** An action that can fail, as a component shows it. */

import { useState } from "preact/hooks";

import { toRequestError, type RequestError } from "./http";

export interface Action<Arguments extends unknown[]> {
  /** Of the last run. */
  readonly error: RequestError | undefined;
  readonly isBusy: boolean;
  readonly run: (...args: Arguments) => Promise<void>;
}

export function useAction<Arguments extends unknown[]>(
  action: (...args: Arguments) => Promise<unknown>,
): Action<Arguments> {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const run = async (...args: Arguments): Promise<void> => {
    setIsBusy(true);
    setError(undefined);
    try {
      await action(...args);
    } catch (caught) {
      setError(toRequestError(caught));
    }
    setIsBusy(false);
  };
  return { error, isBusy, run };
}

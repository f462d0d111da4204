/** An action that can fail, as a component shows it. */

import { useState } from "preact/hooks";

import { toRequestError, type RequestError } from "./http";

export interface Action<Arguments extends unknown[]> {
  /** Of the last run. */
  readonly error: RequestError | undefined;
  readonly isBusy: boolean;
  readonly run: (...given: Arguments) => Promise<void>;
}

export function useAction<Arguments extends unknown[]>(
  action: (...given: Arguments) => Promise<unknown>,
): Action<Arguments> {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const run = async (...given: Arguments): Promise<void> => {
    setIsBusy(true);
    setError(undefined);
    try {
      await action(...given);
    } catch (caught) {
      setError(toRequestError(caught));
    }
    setIsBusy(false);
  };
  return { error, isBusy, run };
}

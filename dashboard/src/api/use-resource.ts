/** Data of the API as a component shows it, kept for the next component that shows it. */

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";

import { toRequestError, type RequestError } from "./http";

export interface Resource<T> {
  /** While another key is loading, the data of the key before. */
  readonly data: T | undefined;
  readonly error: RequestError | undefined;
  readonly isLoading: boolean;
  readonly reload: () => void;
}

const MAX_CACHED = 60;
const cache = new Map<string, unknown>();
/** Counts the changes made on this page; each makes every resource load again. */
const revision = signal(0);

export function invalidateAll(): void {
  revision.value += 1;
}

/** Forget the data of the user who signs out. */
export function clearCache(): void {
  cache.clear();
}

/** Load the data of a key, and show cached data until then; null loads nothing. */
export function useResource<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const [, rerender] = useState(0);
  const state = useRef<{ key: string | null; data?: unknown; error?: RequestError; isLoading: boolean }>({
    key: null,
    isLoading: key !== null,
  });
  const reloads = useRef(0);
  const currentRevision = revision.value;

  if (key !== state.current.key) {
    state.current = {
      key,
      data: key === null ? undefined : cache.has(key) ? cache.get(key) : state.current.data,
      isLoading: key !== null,
    };
  }

  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    const update = (change: Partial<typeof state.current>): void => {
      state.current = { ...state.current, ...change };
      rerender((n) => n + 1);
    };
    update({ isLoading: true });
    load(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return;
        store(key, data);
        update({ data, error: undefined, isLoading: false });
      },
      (error: unknown) => {
        if (!controller.signal.aborted) update({ error: toRequestError(error), isLoading: false });
      },
    );
    return () => controller.abort();
  }, [key, currentRevision, reloads.current]);

  const { data, error, isLoading } = state.current;
  return {
    data: data as T | undefined,
    error,
    isLoading,
    reload: () => {
      reloads.current += 1;
      rerender((n) => n + 1);
    },
  };
}

function store(key: string, data: unknown): void {
  cache.delete(key);
  cache.set(key, data);
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value!);
}

/** What a page asked for, and how that stands. */

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";

import { RequestError, toRequestError } from "./http";

export interface Resource<T> {
  /** The newest answer; of the question before while another is under way. */
  readonly data: T | undefined;
  readonly error: RequestError | undefined;
  readonly isLoading: boolean;
  readonly loadedAt: Date | undefined;
  readonly reload: () => void;
}

interface CacheEntry {
  readonly data: unknown;
  readonly loadedAt: Date;
}

/** Counts what was changed here, so that every page asks again. */
const revision = signal(0);
const cache = new Map<string, CacheEntry>();
const MAX_CACHED = 60;

export function invalidateAll(): void {
  revision.value += 1;
}

/** Forget all answers: they are another user's. */
export function clearCache(): void {
  cache.clear();
}

/** Load what the key stands for; null asks for nothing. What is known is shown at once. */
export function useResource<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const [, rerender] = useState(0);
  const state = useRef<{ key: string | null; entry?: CacheEntry; error?: RequestError; isLoading: boolean }>({
    key: null,
    isLoading: key !== null,
  });
  const reloads = useRef(0);
  const currentRevision = revision.value;

  if (key !== state.current.key) {
    const cached = key === null ? undefined : cache.get(key);
    state.current = {
      key,
      entry: cached ?? (key === null ? undefined : state.current.entry),
      isLoading: key !== null,
    };
  }

  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    state.current.isLoading = true;
    rerender((n) => n + 1);
    load(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return;
        const entry = { data, loadedAt: new Date() };
        store(key, entry);
        state.current = { key, entry, isLoading: false };
        rerender((n) => n + 1);
      },
      (error: unknown) => {
        if (controller.signal.aborted) return;
        state.current = { ...state.current, error: toRequestError(error), isLoading: false };
        rerender((n) => n + 1);
      },
    );
    return () => controller.abort();
  }, [key, currentRevision, reloads.current]);

  const { entry, error, isLoading } = state.current;
  return {
    data: entry?.data as T | undefined,
    error,
    isLoading,
    loadedAt: entry?.loadedAt,
    reload: () => {
      reloads.current += 1;
      rerender((n) => n + 1);
    },
  };
}

function store(key: string, entry: CacheEntry): void {
  cache.delete(key);
  cache.set(key, entry);
  if (cache.size > MAX_CACHED) cache.delete(cache.keys().next().value!);
}

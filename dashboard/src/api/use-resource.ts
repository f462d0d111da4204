/** What a page asked for, and how that stands. */

import { signal } from "@preact/signals";
import { useEffect, useRef, useState } from "preact/hooks";

import { Failure } from "./client";

export interface Resource<T> {
  /** The newest answer; of the question before while another is under way. */
  readonly data: T | undefined;
  readonly failure: Failure | undefined;
  readonly isLoading: boolean;
  readonly loadedAt: Date | undefined;
  readonly reload: () => void;
}

interface Kept {
  readonly data: unknown;
  readonly loadedAt: Date;
}

/** Counts what was changed here, so that every page asks again. */
const revision = signal(0);
const kept = new Map<string, Kept>();
const MOST_KEPT = 60;

export function everythingChanged(): void {
  revision.value += 1;
}

/** Forget all answers: they are another user's. */
export function forgetAnswers(): void {
  kept.clear();
}

/** Load what the key stands for; null asks for nothing. What is known is shown at once. */
export function useResource<T>(
  key: string | null,
  load: (signal: AbortSignal) => Promise<T>,
): Resource<T> {
  const [, redraw] = useState(0);
  const state = useRef<{ key: string | null; shown?: Kept; failure?: Failure; isLoading: boolean }>({
    key: null,
    isLoading: key !== null,
  });
  const asked = useRef(0);
  const changes = revision.value;

  if (key !== state.current.key) {
    const known = key === null ? undefined : kept.get(key);
    state.current = {
      key,
      shown: known ?? (key === null ? undefined : state.current.shown),
      isLoading: key !== null,
    };
  }

  useEffect(() => {
    if (key === null) return undefined;
    const controller = new AbortController();
    state.current.isLoading = true;
    redraw((n) => n + 1);
    load(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return;
        const shown = { data, loadedAt: new Date() };
        keep(key, shown);
        state.current = { key, shown, isLoading: false };
        redraw((n) => n + 1);
      },
      (trouble: unknown) => {
        if (controller.signal.aborted) return;
        state.current = { ...state.current, failure: asFailure(trouble), isLoading: false };
        redraw((n) => n + 1);
      },
    );
    return () => controller.abort();
  }, [key, changes, asked.current]);

  const { shown, failure, isLoading } = state.current;
  return {
    data: shown?.data as T | undefined,
    failure,
    isLoading,
    loadedAt: shown?.loadedAt,
    reload: () => {
      asked.current += 1;
      redraw((n) => n + 1);
    },
  };
}

export function asFailure(trouble: unknown): Failure {
  if (trouble instanceof Failure) return trouble;
  return new Failure(-1, trouble instanceof Error ? trouble.message : String(trouble));
}

function keep(key: string, shown: Kept): void {
  kept.delete(key);
  kept.set(key, shown);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value!);
}

/** Files to import: each is previewed by a dry run, and imported when the user says so. */

import { signal } from "@preact/signals";

import { idempotencyHeader, request } from "./client";
import { RequestError, toRequestError } from "./http";
import type { Import } from "./types";
import { invalidateAll } from "./use-resource";

export type Mapping = Readonly<Record<string, unknown>>;

export type ImportState = "previewing" | "previewed" | "rejected" | "importing" | "imported" | "failed";

export interface QueuedFile {
  readonly id: number;
  readonly file: File;
  readonly state: ImportState;
  readonly mapping: Mapping;
  readonly accountId: string;
  /** Of the dry run, or of the import. */
  readonly result?: Import;
  readonly error?: RequestError;
  /** When the rate limit lets the next file through, in milliseconds of the epoch. */
  readonly retryAt?: number;
}

export const queuedFiles = signal<readonly QueuedFile[]>([]);

let nextId = 1;
// One file at a time: the server's limit is a few files a minute.
let queue: Promise<void> = Promise.resolve();

export function addFiles(files: Iterable<File>): void {
  for (const file of files) {
    const id = nextId++;
    queuedFiles.value = [...queuedFiles.value, { id, file, state: "previewing", mapping: {}, accountId: "" }];
    enqueue(id, true);
  }
}

/** Preview a file again, with another mapping of its columns or another account. */
export function previewAgain(id: number, change: { mapping?: Mapping; accountId?: string }): void {
  update(id, { ...change, state: "previewing" });
  enqueue(id, true);
}

export function importFile(id: number): void {
  update(id, { state: "importing" });
  enqueue(id, false);
}

export function removeFile(id: number): void {
  queuedFiles.value = queuedFiles.value.filter((queued) => queued.id !== id);
}

export function clearImportQueue(): void {
  queuedFiles.value = [];
}

function enqueue(id: number, isDryRun: boolean): void {
  queue = queue.then(() => send(id, isDryRun));
}

async function send(id: number, isDryRun: boolean): Promise<void> {
  const queued = queuedFiles.value.find((one) => one.id === id);
  if (!queued) return;
  try {
    const result = await sendUntilAccepted(id, queued, isDryRun);
    update(id, { result, error: undefined, state: isDryRun ? "previewed" : "imported" });
    if (!isDryRun) invalidateAll();
  } catch (error) {
    update(id, { error: toRequestError(error), state: isDryRun ? "rejected" : "failed" });
  }
}

async function sendUntilAccepted(id: number, queued: QueuedFile, isDryRun: boolean): Promise<Import> {
  const headers = idempotencyHeader();
  for (;;) {
    try {
      const response = await request("POST", "/api/v1/imports", { headers }, toFormData(queued, isDryRun));
      return (await response.json()) as Import;
    } catch (error) {
      if (!(error instanceof RequestError) || error.status !== 429) throw error;
      const retryAt = error.retryAt ?? Date.now() + 5000;
      update(id, { retryAt });
      await new Promise((resolve) => setTimeout(resolve, retryAt - Date.now()));
      update(id, { retryAt: undefined });
    }
  }
}

function toFormData({ file, mapping, accountId }: QueuedFile, isDryRun: boolean): FormData {
  const form = new FormData();
  form.set("file", file);
  form.set("dry_run", String(isDryRun));
  const givenMapping = Object.fromEntries(Object.entries(mapping).filter(([, value]) => value !== "" && value !== null));
  if (Object.keys(givenMapping).length > 0) form.set("mapping", JSON.stringify(givenMapping));
  if (accountId) form.set("account_id", accountId);
  return form;
}

function update(
  id: number,
  change: { [Key in keyof QueuedFile]?: QueuedFile[Key] | undefined },
): void {
  queuedFiles.value = queuedFiles.value.map((queued) =>
    queued.id === id ? ({ ...queued, ...change } as QueuedFile) : queued,
  );
}

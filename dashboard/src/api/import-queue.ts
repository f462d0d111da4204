/** Files on their way in: each is tried first, and recorded when its owner says so. */

import { signal } from "@preact/signals";

import { Failure, idempotencyKey, request, type Import } from "./client";
import { asFailure, everythingChanged } from "./use-resource";

export type Mapping = Readonly<Record<string, string>>;

export type Stage = "trying" | "tried" | "refused" | "recording" | "recorded" | "failed";

export interface Intake {
  readonly id: number;
  readonly file: File;
  readonly stage: Stage;
  readonly mapping: Mapping;
  readonly accountId: string;
  /** What would be recorded, or what was. */
  readonly outcome?: Import;
  readonly failure?: Failure;
  /** When the server will take the next file, where it asked for patience. */
  readonly waitsUntil?: number;
}

export const intakes = signal<readonly Intake[]>([]);

let nextId = 1;
/** One file at a time: the server takes a few a minute, and the page shows one line moving. */
let queue: Promise<void> = Promise.resolve();

export function take(files: Iterable<File>): void {
  for (const file of files) {
    const id = nextId++;
    intakes.value = [...intakes.value, { id, file, stage: "trying", mapping: {}, accountId: "" }];
    enqueue(id, true);
  }
}

/** Try a file again, read as its owner says. */
export function retry(id: number, change: { mapping?: Mapping; accountId?: string }): void {
  update(id, { ...change, stage: "trying" });
  enqueue(id, true);
}

export function record(id: number): void {
  update(id, { stage: "recording" });
  enqueue(id, false);
}

export function drop(id: number): void {
  intakes.value = intakes.value.filter((intake) => intake.id !== id);
}

export function forgetIntakes(): void {
  intakes.value = [];
}

function enqueue(id: number, isDry: boolean): void {
  queue = queue.then(() => send(id, isDry));
}

async function send(id: number, isDry: boolean): Promise<void> {
  const intake = intakes.value.find((found) => found.id === id);
  if (!intake) return;
  try {
    const outcome = await patiently(id, intake, isDry);
    update(id, { outcome, failure: undefined, stage: isDry ? "tried" : "recorded" });
    if (!isDry) everythingChanged();
  } catch (trouble) {
    update(id, { failure: asFailure(trouble), stage: isDry ? "refused" : "failed" });
  }
}

async function patiently(id: number, intake: Intake, isDry: boolean): Promise<Import> {
  const headers = { "Idempotency-Key": idempotencyKey() };
  for (;;) {
    try {
      const answer = await request("POST", "/api/v1/imports", { headers }, formOf(intake, isDry));
      return (await answer.json()) as Import;
    } catch (trouble) {
      if (!(trouble instanceof Failure) || trouble.status !== 429) throw trouble;
      const waitsUntil = Date.now() + (trouble.retryAfterSeconds ?? 5) * 1000;
      update(id, { waitsUntil });
      await new Promise((done) => setTimeout(done, waitsUntil - Date.now()));
      update(id, { waitsUntil: undefined });
    }
  }
}

function formOf({ file, mapping, accountId }: Intake, isDry: boolean): FormData {
  const form = new FormData();
  form.set("file", file);
  form.set("dry_run", String(isDry));
  const given = Object.fromEntries(Object.entries(mapping).filter(([, value]) => value !== ""));
  if (Object.keys(given).length > 0) form.set("mapping", JSON.stringify(given));
  if (accountId) form.set("account_id", accountId);
  return form;
}

function update(
  id: number,
  change: { [Key in keyof Intake]?: Intake[Key] | undefined },
): void {
  intakes.value = intakes.value.map((intake) =>
    intake.id === id ? ({ ...intake, ...change } as Intake) : intake,
  );
}

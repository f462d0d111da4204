/** Connections that are kept up by a provider: what can be connected, and a run while it runs. */

import { newIdempotencyKey, request } from "./client";
import type { Sync } from "./types";

export interface Provider {
  readonly slug: string;
  readonly name: string;
  readonly kind: "api" | "file" | "manual";
  readonly credentials: readonly { name: string; title: string; secret: boolean }[];
}

const POLL_MS = 2_000;

/** The providers that connect themselves; none where this server knows of none. */
export async function fetchProviders(signal: AbortSignal): Promise<readonly Provider[]> {
  const response = await request("GET", "/api/v1/providers", { signal });
  const { providers } = (await response.json()) as { providers: readonly Provider[] };
  return providers.filter((provider) => provider.kind === "api");
}

export async function createConnection(
  provider: string,
  credentials: Readonly<Record<string, string>>,
): Promise<void> {
  const headers = { "Idempotency-Key": newIdempotencyKey() };
  await request("POST", "/api/v1/connections", { headers }, { provider, credentials });
}

/** Begin a run and tell of it until it has ended. */
export async function syncConnection(connectionId: string, onUpdate: (sync: Sync) => void): Promise<Sync> {
  const headers = { Prefer: "respond-async", "Idempotency-Key": newIdempotencyKey() };
  const response = await request("POST", `/api/v1/connections/${connectionId}/syncs`, { headers }, {});
  let sync = (await response.json()) as Sync;
  onUpdate(sync);
  const path = `/api/v1/syncs/${sync.id}`;
  while (sync.state === "running") {
    await streamEvents(`${path}/events`, onUpdate).catch(() => sleep(POLL_MS));
    sync = (await (await request("GET", path)).json()) as Sync;
    onUpdate(sync);
    if (sync.state === "running") await sleep(POLL_MS);
  }
  return sync;
}

/** Read the run's events (server-sent, but with our bearer header) until the server ends them. */
async function streamEvents(path: string, onUpdate: (sync: Sync) => void): Promise<void> {
  const response = await request("GET", path, { headers: { Accept: "text/event-stream" } });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const events = (buffer + chunk.value).split(/\r?\n\r?\n/);
    buffer = events.pop() ?? "";
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      const sync = parseSync(data.map((line) => line.slice(5)).join("\n"));
      if (sync) onUpdate(sync);
    }
  }
}

function parseSync(text: string): Sync | null {
  try {
    const value = JSON.parse(text) as Partial<Sync>;
    return value.state && value.accounts ? (value as Sync) : null;
  } catch {
    return null;
  }
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

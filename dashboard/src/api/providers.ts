/** Connections that are kept up by a provider: what can be connected, and a run while it runs. */

import { idempotencyKey, request, type Sync } from "./client";

export interface Provider {
  readonly slug: string;
  readonly name: string;
  readonly kind: "api" | "file" | "manual";
  readonly credentials: readonly { name: string; title: string; secret: boolean }[];
}

const POLL_MS = 2_000;

/** The providers that connect themselves; none where this server knows of none. */
export async function liveProviders(signal: AbortSignal): Promise<readonly Provider[]> {
  const answer = await request("GET", "/api/v1/providers", { signal });
  const { providers } = (await answer.json()) as { providers: readonly Provider[] };
  return providers.filter((provider) => provider.kind === "api");
}

export async function connect(
  provider: string,
  credentials: Readonly<Record<string, string>>,
): Promise<void> {
  const headers = { "Idempotency-Key": idempotencyKey() };
  await request("POST", "/api/v1/connections", { headers }, { provider, credentials });
}

/** Begin a run and tell of it until it has ended. */
export async function refresh(connectionId: string, told: (run: Sync) => void): Promise<Sync> {
  const headers = { Prefer: "respond-async", "Idempotency-Key": idempotencyKey() };
  const path = `/api/v1/connections/${connectionId}/syncs`;
  const answer = await request("POST", path, { headers }, {});
  let run = (await answer.json()) as Sync;
  told(run);
  const place = `/api/v1/syncs/${run.id}`;
  while (run.state === "running") {
    await followed(`${place}/events`, told).catch(() => wait(POLL_MS));
    run = (await (await request("GET", place)).json()) as Sync;
    told(run);
    if (run.state === "running") await wait(POLL_MS);
  }
  return run;
}

/** Read the run's events (server-sent, but with our bearer header) until the server ends them. */
async function followed(place: string, told: (run: Sync) => void): Promise<void> {
  const answer = await request("GET", place, { headers: { Accept: "text/event-stream" } });
  const reader = answer.body!.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const events = (rest + part.value).split(/\r?\n\r?\n/);
    rest = events.pop() ?? "";
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      const run = parsed(data.map((line) => line.slice(5)).join("\n"));
      if (run) told(run);
    }
  }
}

function parsed(text: string): Sync | null {
  try {
    const value = JSON.parse(text) as Partial<Sync>;
    return value.state && value.accounts ? (value as Sync) : null;
  } catch {
    return null;
  }
}

function wait(ms: number): Promise<void> {
  return new Promise((done) => setTimeout(done, ms));
}

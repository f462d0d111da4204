/** Providers: the ones to connect to, signing in at their pages, and a sync while it runs. */

import { get, idempotencyHeader, patch, post, request } from "./client";
import type { Schemas, Sync } from "./types";

export type Provider = Schemas["Provider"];

const POLL_MS = 2_000;

/** Return the providers that send balances by themselves. */
export async function fetchProviders(signal: AbortSignal): Promise<readonly Provider[]> {
  const { providers } = await get("/api/v1/providers", { signal });
  return providers.filter((provider) => provider.kind === "api");
}

/** Start a sync, and report it until it has ended. */
export async function syncConnection(connectionId: string, onUpdate: (sync: Sync) => void): Promise<void> {
  const headers = { Prefer: "respond-async", ...idempotencyHeader() };
  const response = await request("POST", `/api/v1/connections/${connectionId}/syncs`, { headers }, {});
  await followSync((await response.json()) as Sync, onUpdate);
}

/**
 * Connect to a provider, and report the first sync until it has ended.
 * Raises: RefusedCredentials where the provider refuses them in that sync.
 */
export async function connectProvider(
  body: Schemas["ConnectRequest"],
  onUpdate: (sync: Sync) => void,
): Promise<void> {
  const headers = { Prefer: "respond-async", ...idempotencyHeader() };
  const { sync_id: id } = await post("/api/v1/connections", body, { headers });
  const sync = await followSync(await get("/api/v1/syncs/{id}", { path: { id } }), onUpdate);
  if (sync.code === "credentials_refused") throw new RefusedCredentials(sync);
}

/** The provider refused the credentials of a new connection, which is kept. */
export class RefusedCredentials extends Error {
  readonly connectionId: string;

  constructor(sync: Sync) {
    super(sync.detail ?? "The provider refuses these credentials.");
    this.connectionId = sync.connection_id;
  }
}

/** Give a connection other credentials, and sync it with them. */
export async function replaceCredentials(id: string, credentials: Record<string, string>): Promise<void> {
  await patch("/api/v1/connections/{id}", { credentials }, { path: { id } });
}

/** Report a sync until it has ended, and return it as it ended. */
export async function followSync(
  begun: Sync,
  onUpdate: (sync: Sync) => void,
  signal?: AbortSignal,
): Promise<Sync> {
  let sync = begun;
  onUpdate(sync);
  while (sync.state === "running") {
    await streamEvents(sync.id, onUpdate, signal).catch(() => sleep(POLL_MS));
    sync = await get("/api/v1/syncs/{id}", { path: { id: sync.id }, ...(signal ? { signal } : {}) });
    onUpdate(sync);
    if (sync.state === "running") await sleep(POLL_MS);
  }
  return sync;
}

/** Leave for the provider's page, where the user signs in; the promise stays open until that page is there. */
export async function signIn(order: Schemas["AuthorizationOrder"]): Promise<never> {
  const { url } = await post("/api/v1/authorizations", order);
  location.assign(url);
  return new Promise(() => {});
}

/** Read a sync's server-sent events until the server ends them; an EventSource cannot send the token. */
async function streamEvents(id: string, onUpdate: (sync: Sync) => void, signal?: AbortSignal): Promise<void> {
  const headers = { Accept: "text/event-stream" };
  const response = await request("GET", `/api/v1/syncs/${id}/events`, { headers, ...(signal ? { signal } : {}) });
  const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = "";
  for (let chunk = await reader.read(); !chunk.done; chunk = await reader.read()) {
    const events = (buffer + chunk.value).split(/\r?\n\r?\n/);
    buffer = events.pop() ?? "";
    for (const event of events) {
      const data = event.split(/\r?\n/).filter((line) => line.startsWith("data:"));
      const sync = parseSync(data.map((line) => line.slice("data:".length)).join("\n"));
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

/** Who is signed in: the access token in memory, the refresh token where no script can read it. */

import { signal } from "@preact/signals";

import { RequestError, send } from "./http";
import type { Schemas } from "./types";

export type SessionState = "unknown" | "signed-in" | "signed-out" | "expired" | "unreachable";

export const sessionState = signal<SessionState>("unknown");
/** Why the session could not be taken up, where it may still stand. */
export const sessionError = signal<RequestError | null>(null);

// Not a secret: it saves a stranger's first visit a request that could only be refused.
const HINT_KEY = "dashtam.session";
const REFRESH_BEFORE_S = 30;

let accessToken: string | null = null;
let refreshAt = 0;
let pendingRefresh: Promise<string> | null = null;

/** Take up the session that the browser still holds a cookie for. */
export async function restoreSession(): Promise<void> {
  if (!sessionHint()) {
    sessionState.value = "signed-out";
    return;
  }
  try {
    await refreshAccessToken(null);
  } catch {
    // The standing tells why.
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const response = await send("POST", "/api/v1/sessions", {
    body: { email, password, cookie: true },
  });
  storeTokens((await response.json()) as Schemas["TokenPair"]);
}

/** Return a token that holds for a moment longer. */
export async function validAccessToken(): Promise<string> {
  return accessToken && Date.now() < refreshAt ? accessToken : refreshAccessToken(accessToken);
}

/** Return another token than the one that was refused, asking for it once however many wait. */
export function refreshAccessToken(rejected: string | null): Promise<string> {
  if (accessToken && accessToken !== rejected) return Promise.resolve(accessToken);
  pendingRefresh ??= requestTokens().finally(() => (pendingRefresh = null));
  return pendingRefresh;
}

/** Forget who was signed in; `expired` says that it was not their wish. */
export function endSession(state: "signed-out" | "expired"): void {
  accessToken = null;
  sessionHint(false);
  sessionState.value = state;
}

async function requestTokens(): Promise<string> {
  try {
    const response = await send("POST", "/api/v1/tokens", { body: {} });
    return storeTokens((await response.json()) as Schemas["TokenPair"]);
  } catch (error) {
    if (error instanceof RequestError && [401, 403].includes(error.status)) endSession("expired");
    else if (sessionState.value === "unknown" || sessionState.value === "unreachable") {
      sessionError.value = error instanceof RequestError ? error : new RequestError(0, "");
      sessionState.value = "unreachable";
    }
    throw error;
  }
}

function storeTokens(pair: Schemas["TokenPair"]): string {
  accessToken = pair.access_token;
  refreshAt = Date.now() + ((pair.expires_in ?? 900) - REFRESH_BEFORE_S) * 1000;
  sessionHint(true);
  sessionState.value = "signed-in";
  return accessToken;
}

function sessionHint(value?: boolean): boolean {
  try {
    if (value === true) localStorage.setItem(HINT_KEY, "1");
    if (value === false) localStorage.removeItem(HINT_KEY);
    return localStorage.getItem(HINT_KEY) === "1";
  } catch {
    return true;
  }
}

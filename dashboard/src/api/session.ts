/** The session: its access token in memory, its refresh token in a cookie that no script can read. */

import { signal } from "@preact/signals";

import { RequestError, send } from "./http";
import type { Schemas } from "./types";

export type SessionState = "unknown" | "signed-in" | "signed-out" | "expired" | "unreachable";

export const sessionState = signal<SessionState>("unknown");
/** Why the session could not be restored, where its state is `unreachable`. */
export const sessionError = signal<RequestError>();

// Without this hint the page asks for no token: a first visit would only be refused.
const HINT_KEY = "dashtam.session";
const REFRESH_BEFORE_S = 30;

let accessToken: string | null = null;
let refreshAt = 0;
let pendingRefresh: Promise<string> | null = null;

/** Sign in again with the browser's cookie, where the browser may have one. */
export async function restoreSession(): Promise<void> {
  if (!sessionHint()) {
    sessionState.value = "signed-out";
    return;
  }
  try {
    await refreshAccessToken(null);
  } catch {
    // The session's state says why.
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const response = await send("POST", "/api/v1/sessions", {
    body: { email, password, cookie: true },
  });
  storeTokens((await response.json()) as Schemas["TokenPair"]);
}

/** Return an access token that is valid for a moment longer. */
export async function validAccessToken(): Promise<string> {
  return accessToken && Date.now() < refreshAt ? accessToken : refreshAccessToken(accessToken);
}

/** Return a newer access token than the rejected one; concurrent callers share one request. */
export function refreshAccessToken(rejected: string | null): Promise<string> {
  if (accessToken && accessToken !== rejected) return Promise.resolve(accessToken);
  pendingRefresh ??= requestTokens().finally(() => (pendingRefresh = null));
  return pendingRefresh;
}

/** Forget the tokens. `expired` means that the server ended the session, not the user. */
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

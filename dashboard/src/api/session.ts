/** Who is signed in: the access token in memory, the refresh token where no script can read it. */

import { signal } from "@preact/signals";

import { Failure, requestAsNobody, type Shapes } from "./client";

export type Standing = "unknown" | "signed-in" | "signed-out" | "ended" | "unreachable";

export const standing = signal<Standing>("unknown");
/** Why the session could not be taken up, where it may still stand. */
export const obstacle = signal<Failure | null>(null);

// Not a secret: it saves a stranger's first visit a request that could only be refused.
const HINT = "dashtam.session";
const RENEW_BEFORE_S = 30;

let token: string | null = null;
let renewAt = 0;
let renewing: Promise<string> | null = null;

/** Take up the session that the browser still holds a cookie for. */
export async function resume(): Promise<void> {
  if (!hint()) {
    standing.value = "signed-out";
    return;
  }
  try {
    await renewedToken(null);
  } catch {
    // The standing tells why.
  }
}

export async function signIn(email: string, password: string): Promise<void> {
  const answer = await requestAsNobody("POST", "/api/v1/sessions", { email, password, cookie: true });
  keep((await answer.json()) as Shapes["TokenPair"]);
}

/** Return a token that holds for a moment longer. */
export async function accessToken(): Promise<string> {
  return token && Date.now() < renewAt ? token : renewedToken(token);
}

/** Return another token than the one that was refused, asking for it once however many wait. */
export function renewedToken(refused: string | null): Promise<string> {
  if (token && token !== refused) return Promise.resolve(token);
  renewing ??= renew().finally(() => (renewing = null));
  return renewing;
}

/** Forget who was signed in; `ended` says that it was not their wish. */
export function forget(how: "signed-out" | "ended"): void {
  token = null;
  hint(false);
  standing.value = how;
}

async function renew(): Promise<string> {
  try {
    const answer = await requestAsNobody("POST", "/api/v1/tokens", {});
    return keep((await answer.json()) as Shapes["TokenPair"]);
  } catch (trouble) {
    if (trouble instanceof Failure && [401, 403].includes(trouble.status)) forget("ended");
    else if (standing.value === "unknown" || standing.value === "unreachable") {
      obstacle.value = trouble instanceof Failure ? trouble : new Failure(0, "");
      standing.value = "unreachable";
    }
    throw trouble;
  }
}

function keep(pair: Shapes["TokenPair"]): string {
  token = pair.access_token;
  renewAt = Date.now() + ((pair.expires_in ?? 900) - RENEW_BEFORE_S) * 1000;
  hint(true);
  standing.value = "signed-in";
  return token;
}

function hint(set?: boolean): boolean {
  try {
    if (set === true) localStorage.setItem(HINT, "1");
    if (set === false) localStorage.removeItem(HINT);
    return localStorage.getItem(HINT) === "1";
  } catch {
    return true;
  }
}

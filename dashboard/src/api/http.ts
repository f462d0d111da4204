/** Requests to the API, with and without an access token. */

import { toUrl } from "../base-path";
import type { Schemas } from "./types";

export interface SendOptions {
  /** Sent as JSON; a form as it is. */
  readonly body?: unknown;
  readonly token?: string;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** A request that failed. Its status is 0 where the server was not reached, -1 where another error was caught. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problem?: Schemas["Problem"],
    /** When the server takes the request again, in milliseconds of the epoch. */
    readonly retryAt?: number,
  ) {
    super(message);
  }

  get isUnreachable(): boolean {
    return this.status === 0;
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status <= 0 || this.status === 429 || this.status >= 500;
  }
}

export function toRequestError(error: unknown): RequestError {
  if (error instanceof RequestError) return error;
  return new RequestError(-1, error instanceof Error ? error.message : String(error));
}

/** Raises: RequestError where the server is not reached or its status is not 2xx. */
export async function send(
  method: string,
  path: string,
  { body, token, headers, signal }: SendOptions = {},
): Promise<Response> {
  const isForm = body instanceof FormData;
  let response: Response;
  try {
    response = await fetch(toUrl(path), {
      method,
      signal,
      credentials: "same-origin",
      headers: {
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...(body !== undefined && !isForm ? { "Content-Type": "application/json" } : {}),
        ...headers,
      },
      body: body === undefined ? undefined : isForm ? body : JSON.stringify(body),
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new RequestError(0, "Dashtam cannot be reached.");
  }
  if (response.ok) return response;
  const problem = (await response.json().catch(() => undefined)) as Schemas["Problem"] | undefined;
  const retryAfterS = Number(response.headers.get("Retry-After") ?? Number.NaN);
  throw new RequestError(
    response.status,
    problem?.detail ?? `The server answered ${response.status}.`,
    problem,
    Number.isFinite(retryAfterS) ? Date.now() + retryAfterS * 1000 : undefined,
  );
}

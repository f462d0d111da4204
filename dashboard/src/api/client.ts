/** The public API, typed by our own OpenAPI document. */

import { toUrl } from "../base-path";
import type { components, paths } from "./schema";
import { refreshAccessToken, validAccessToken } from "./session";

export type Schemas = components["schemas"];
export type Account = Schemas["Account"];
export type Connection = Schemas["Connection"];
export type Holding = Schemas["Holding"];
export type Import = Schemas["Import"];
export type Session = Schemas["Session"];
export type Snapshot = Schemas["Snapshot"];
export type SnapshotHistory = Schemas["SnapshotHistory"];
export type SnapshotSource = Schemas["SnapshotSource"];
export type Sync = Schemas["Sync"];

type Method = "get" | "post" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends object ? P : never;
}[keyof paths];
type JsonContent<Reply> = Reply extends { content: { "application/json": infer T } } ? T : undefined;
type ResponseBody<Operation> = Operation extends { responses: infer R }
  ? JsonContent<R[keyof R & (200 | 201 | 202 | 204)]>
  : never;
type QueryParameters<Operation> = Operation extends { parameters: { query?: infer Q } } ? Q : never;
type RequestBody<Operation> = Operation extends { requestBody: { content: { "application/json": infer T } } }
  ? T
  : undefined;

export interface RequestOptions {
  readonly path?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why there is no answer: the API's own words, or that nobody could be reached. */
export class RequestError extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problem?: Schemas["Problem"],
    readonly retryAfterS?: number,
  ) {
    super(message);
  }

  get isUnreachable(): boolean {
    return this.status === 0;
  }
}

export async function get<P extends PathsWith<"get">>(
  path: P,
  options: RequestOptions & { query?: QueryParameters<paths[P]["get"]> } = {},
): Promise<ResponseBody<paths[P]["get"]>> {
  return readBody(await request("GET", buildUrl(path, options), options));
}

export async function post<P extends PathsWith<"post">>(
  path: P,
  body: RequestBody<paths[P]["post"]>,
  options: RequestOptions = {},
): Promise<ResponseBody<paths[P]["post"]>> {
  return readBody(await request("POST", buildUrl(path, options), options, body));
}

export async function patch<P extends PathsWith<"patch">>(
  path: P,
  body: RequestBody<paths[P]["patch"]>,
  options: RequestOptions = {},
): Promise<ResponseBody<paths[P]["patch"]>> {
  return readBody(await request("PATCH", buildUrl(path, options), options, body));
}

export async function remove(path: PathsWith<"delete">, options: RequestOptions = {}): Promise<void> {
  await request("DELETE", buildUrl(path, options), options);
}

/** Send a request as the signed-in user; a token that ran out is renewed once. */
export async function request(
  method: string,
  url: string,
  options: RequestOptions = {},
  body?: unknown,
): Promise<Response> {
  const token = await validAccessToken();
  const response = await send(method, url, options, body, token);
  if (response.status !== 401) return ensureOk(response);
  const renewed = await refreshAccessToken(token);
  return ensureOk(await send(method, url, options, body, renewed));
}

/** Send a request before anybody is signed in. */
export async function requestAnonymously(method: string, url: string, body?: unknown): Promise<Response> {
  return ensureOk(await send(method, url, {}, body, null));
}

async function send(
  method: string,
  url: string,
  { signal, headers }: RequestOptions,
  body: unknown,
  token: string | null,
): Promise<Response> {
  const isForm = body instanceof FormData;
  try {
    return await fetch(toUrl(url), {
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
}

async function ensureOk(response: Response): Promise<Response> {
  if (response.ok) return response;
  const problem = (await response.json().catch(() => undefined)) as Schemas["Problem"] | undefined;
  const retryAfter = Number(response.headers.get("Retry-After") ?? Number.NaN);
  throw new RequestError(
    response.status,
    problem?.detail ?? `The server answered ${response.status}.`,
    problem,
    Number.isFinite(retryAfter) ? retryAfter : undefined,
  );
}

async function readBody<T>(response: Response): Promise<T> {
  return (response.status === 204 ? undefined : await response.json()) as T;
}

function buildUrl(path: string, options: RequestOptions & { query?: unknown }): string {
  const filledPath = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(options.path?.[name] ?? ""),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((options.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filledPath}?${text}` : filledPath;
}

/** A key under which the same wish is granted once, however often it has to be sent. */
export function newIdempotencyKey(): string {
  // Not randomUUID: browsers keep it from pages that come over plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

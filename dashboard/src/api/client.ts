/** The public API, typed by our own OpenAPI document. */

import { addressOf } from "../base-path";
import type { components, paths } from "./schema";
import { accessToken, renewedToken } from "./session";

export type Shapes = components["schemas"];
export type Account = Shapes["Account"];
export type Connection = Shapes["Connection"];
export type Holding = Shapes["Holding"];
export type Import = Shapes["Import"];
export type Session = Shapes["Session"];
export type Snapshot = Shapes["Snapshot"];
export type SnapshotHistory = Shapes["SnapshotHistory"];
export type SnapshotSource = Shapes["SnapshotSource"];
export type Sync = Shapes["Sync"];

type Method = "get" | "post" | "patch" | "delete";
type PathsWith<M extends Method> = {
  [P in keyof paths]: paths[P][M] extends object ? P : never;
}[keyof paths];
type Body<Response> = Response extends { content: { "application/json": infer T } } ? T : undefined;
type Answer<Operation> = Operation extends { responses: infer R }
  ? Body<R[keyof R & (200 | 201 | 202 | 204)]>
  : never;
type Query<Operation> = Operation extends { parameters: { query?: infer Q } } ? Q : never;
type Sent<Operation> = Operation extends { requestBody: { content: { "application/json": infer T } } }
  ? T
  : undefined;

export interface Asked {
  readonly path?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Why there is no answer: the API's own words, or that nobody could be reached. */
export class Failure extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly problem?: Shapes["Problem"],
    readonly retryAfterSeconds?: number,
  ) {
    super(message);
  }

  get isOffline(): boolean {
    return this.status === 0;
  }
}

export async function get<P extends PathsWith<"get">>(
  path: P,
  asked: Asked & { query?: Query<paths[P]["get"]> } = {},
): Promise<Answer<paths[P]["get"]>> {
  return body(await request("GET", address(path, asked), asked));
}

export async function post<P extends PathsWith<"post">>(
  path: P,
  sent: Sent<paths[P]["post"]>,
  asked: Asked = {},
): Promise<Answer<paths[P]["post"]>> {
  return body(await request("POST", address(path, asked), asked, sent));
}

export async function patch<P extends PathsWith<"patch">>(
  path: P,
  sent: Sent<paths[P]["patch"]>,
  asked: Asked = {},
): Promise<Answer<paths[P]["patch"]>> {
  return body(await request("PATCH", address(path, asked), asked, sent));
}

export async function remove(path: PathsWith<"delete">, asked: Asked = {}): Promise<void> {
  await request("DELETE", address(path, asked), asked);
}

/** Send a request as the signed-in user; a token that ran out is renewed once. */
export async function request(
  method: string,
  url: string,
  asked: Asked = {},
  sent?: unknown,
): Promise<Response> {
  const token = await accessToken();
  const answer = await send(method, url, asked, sent, token);
  if (answer.status !== 401) return accepted(answer);
  const renewed = await renewedToken(token);
  return accepted(await send(method, url, asked, sent, renewed));
}

/** Send a request before anybody is signed in. */
export async function requestAsNobody(method: string, url: string, sent?: unknown): Promise<Response> {
  return accepted(await send(method, url, {}, sent, null));
}

async function send(
  method: string,
  url: string,
  { signal, headers }: Asked,
  sent: unknown,
  token: string | null,
): Promise<Response> {
  const isForm = sent instanceof FormData;
  try {
    return await fetch(addressOf(url), {
      method,
      signal,
      credentials: "same-origin",
      headers: {
        ...(token ? { Authorization: `Bearer ${token}` } : {}),
        ...(sent !== undefined && !isForm ? { "Content-Type": "application/json" } : {}),
        ...headers,
      },
      body: sent === undefined ? undefined : isForm ? sent : JSON.stringify(sent),
    });
  } catch (trouble) {
    if (signal?.aborted) throw trouble;
    throw new Failure(0, "Dashtam cannot be reached.");
  }
}

async function accepted(answer: Response): Promise<Response> {
  if (answer.ok) return answer;
  const problem = (await answer.json().catch(() => undefined)) as Shapes["Problem"] | undefined;
  const wait = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  throw new Failure(
    answer.status,
    problem?.detail ?? `The server answered ${answer.status}.`,
    problem,
    Number.isFinite(wait) ? wait : undefined,
  );
}

async function body<T>(answer: Response): Promise<T> {
  return (answer.status === 204 ? undefined : await answer.json()) as T;
}

function address(path: string, asked: Asked & { query?: unknown }): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(asked.path?.[name] ?? ""),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((asked.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}

/** A key under which the same wish is granted once, however often it has to be sent. */
export function idempotencyKey(): string {
  // Not randomUUID: browsers keep it from pages that come over plain HTTP.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

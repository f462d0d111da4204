/** The API as the signed-in user calls it, typed by its OpenAPI document. */

import { RequestError, send } from "./http";
import type { paths } from "./schema";
import { refreshAccessToken, validAccessToken } from "./session";

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
  /** The values of the path's parameters. */
  readonly path?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

export async function get<P extends PathsWith<"get">>(
  path: P,
  options: RequestOptions & { query?: QueryParameters<paths[P]["get"]> } = {},
): Promise<ResponseBody<paths[P]["get"]>> {
  return readBody(await request("GET", fillPath(path, options), options));
}

export async function post<P extends PathsWith<"post">>(
  path: P,
  body: RequestBody<paths[P]["post"]>,
  options: RequestOptions = {},
): Promise<ResponseBody<paths[P]["post"]>> {
  return readBody(await request("POST", fillPath(path, options), options, body));
}

export async function patch<P extends PathsWith<"patch">>(
  path: P,
  body: RequestBody<paths[P]["patch"]>,
  options: RequestOptions = {},
): Promise<ResponseBody<paths[P]["patch"]>> {
  return readBody(await request("PATCH", fillPath(path, options), options, body));
}

export async function remove(path: PathsWith<"delete">, options: RequestOptions = {}, body?: unknown): Promise<void> {
  await request("DELETE", fillPath(path, options), options, body);
}

/** Send a request, and once more with a new access token where the first one is refused. */
export async function request(
  method: string,
  path: string,
  { headers, signal }: RequestOptions = {},
  body?: unknown,
): Promise<Response> {
  const token = await validAccessToken();
  try {
    return await send(method, path, { body, token, headers, signal });
  } catch (error) {
    if (!(error instanceof RequestError) || error.status !== 401) throw error;
    return send(method, path, { body, token: await refreshAccessToken(token), headers, signal });
  }
}

async function readBody<T>(response: Response): Promise<T> {
  return (response.status === 204 ? undefined : await response.json()) as T;
}

function fillPath(path: string, options: RequestOptions & { query?: unknown }): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, name: string) =>
    encodeURIComponent(options.path?.[name] ?? ""),
  );
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries((options.query ?? {}) as Record<string, unknown>)) {
    if (value !== undefined && value !== null && value !== "") query.set(name, String(value));
  }
  const text = query.toString();
  return text ? `${filled}?${text}` : filled;
}

/** Return a header under which a repeated request is carried out once. */
export function idempotencyHeader(): Record<string, string> {
  // Browsers offer randomUUID to pages served over HTTPS alone.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { "Idempotency-Key": Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("") };
}

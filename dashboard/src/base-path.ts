/** The path of this installation: `/`, or the prefix under which a proxy serves it. */

const basePath = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

/** Return the URL of a path of this application; the path begins with a slash. */
export function toUrl(path: string): string {
  return basePath + path.slice(1);
}

/** Return the application's path for the path of a URL. */
export function toPath(pathname: string): string {
  return pathname.startsWith(basePath) ? `/${pathname.slice(basePath.length)}` : pathname;
}

/** Where this installation answers: `/`, or a path before which a proxy has put it. */

export const basePath = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

/** Return the address of one of our paths, which begins with a slash. */
export function toUrl(path: string): string {
  return basePath + path.slice(1);
}

/** Return the path of ours that an address stands for. */
export function toPath(pathname: string): string {
  return pathname.startsWith(basePath) ? `/${pathname.slice(basePath.length)}` : pathname;
}

/** Where this installation answers: `/`, or a path before which a proxy has put it. */

export const base = new URL(document.baseURI).pathname.replace(/[^/]*$/, "");

/** Return the address of one of our paths, which begins with a slash. */
export function addressOf(path: string): string {
  return base + path.slice(1);
}

/** Return the path of ours that an address stands for. */
export function pathOf(address: string): string {
  return address.startsWith(base) ? `/${address.slice(base.length)}` : address;
}

/** The reader's language and time zone, as the browser names them. */

// Node 20, which runs the tests, has no navigator; each test names its locale.
export const locale = globalThis.navigator?.language;
export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

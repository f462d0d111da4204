/** The encoding of a statement file, found in its bytes as the server finds it. */

/** The bytes by which the server decides. */
export const HEAD_BYTES = 64 * 1024;

// Beside an ASCII letter these bytes are letters in windows-1250 and signs in windows-1252.
const CENTRAL_EUROPEAN = /[A-Za-z][\x8d\x8f\x9d\x9f\xb3\xb9\xbe\xbf]|[\xa3\xaf\xbf][a-z]/;

/** Return the text of a file's head, without a byte order mark; its last character may be cut off. */
export function decodeHead(bytes: Uint8Array): string {
  const wide = wideEncoding(bytes);
  if (wide) return new TextDecoder(wide).decode(bytes);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    const text = Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
    return new TextDecoder(CENTRAL_EUROPEAN.test(text) ? "windows-1250" : "windows-1252").decode(bytes);
  }
}

function wideEncoding(bytes: Uint8Array): string | undefined {
  const [first, second] = bytes;
  if (first === 0xff && second === 0xfe) return "utf-16le";
  if (first === 0xfe && second === 0xff) return "utf-16be";
  // Two bytes a character without a mark: one half of every ASCII character is zero.
  const head = [...bytes.subarray(0, 64)];
  const even = head.filter((_, index) => index % 2 === 0);
  const odd = head.filter((_, index) => index % 2 === 1);
  if (odd.length === 0) return undefined;
  if (odd.every((byte) => byte === 0) && even.every((byte) => byte !== 0)) return "utf-16le";
  if (even.every((byte) => byte === 0) && odd.every((byte) => byte !== 0)) return "utf-16be";
  return undefined;
}

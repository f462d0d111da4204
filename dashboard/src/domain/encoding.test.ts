import { expect, test } from "vitest";

import { decodeHead } from "./encoding";

function latin(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function wide(text: string, isBigEndian: boolean): Uint8Array {
  const bytes = Array.from(text, (character) => [character.charCodeAt(0) & 255, character.charCodeAt(0) >> 8]);
  return Uint8Array.from(bytes.flatMap((pair) => (isBigEndian ? pair.toReversed() : pair)));
}

test.each([
  ["UTF-8", new TextEncoder().encode("Währung;Saldo"), "Währung;Saldo"],
  ["UTF-8 with a mark", new TextEncoder().encode("\ufeffWährung"), "Währung"],
  ["UTF-8, cut within a character", new TextEncoder().encode("Währung ä").slice(0, -1), "Währung "],
  ["windows-1252", latin("W\xe4hrung;Saldo"), "Währung;Saldo"],
  ["windows-1250", latin("z\xb3oty"), "złoty"],
  ["UTF-16 with a mark", wide("\ufeffWährung", false), "Währung"],
  ["UTF-16, the other order", wide("\ufeffWährung", true), "Währung"],
  ["UTF-16 without a mark", wide("Datum;Saldo", false), "Datum;Saldo"],
  ["UTF-16 without a mark, the other order", wide("Datum;Saldo", true), "Datum;Saldo"],
])("a file in %s is read as the server reads it", (_name, bytes, text) => {
  expect(decodeHead(bytes)).toBe(text);
});

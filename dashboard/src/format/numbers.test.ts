import { expect, test } from "vitest";

import { formatFileSize } from "./numbers";

test.each([
  [1, "1 byte"],
  [90, "90 bytes"],
  [1024, "1 KiB"],
  [10_240, "10 KiB"],
  [1_572_864, "1.5 MiB"],
])("a file of %i bytes is shown as %s", (bytes, shown) => {
  expect(formatFileSize(bytes)).toBe(shown);
});

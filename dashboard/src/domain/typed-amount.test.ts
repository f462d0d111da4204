import { describe, expect, test } from "vitest";

import { parseTypedAmount } from "./typed-amount";

describe("a typed amount", () => {
  test.each([
    ["1250.50", "1250.50"],
    ["1,250.50", "1250.50"],
    ["1250,50", "1250.50"],
    ["1.250,50", "1250.50"],
    ["$1250.50", "1250.50"],
    ["US$ 1,250.50", "1250.50"],
    ["1250.50 usd", "1250.50"],
    ["1 250,50", "1250.50"],
    ["1\u202f250,50", "1250.50"],
    ["1’250.50", "1250.50"],
    ["1 250,500", "1250.500"],
    ["1,250,000", "1250000"],
    ["0,250", "0.250"],
    ["(12.30)", "-12.30"],
    ["-12", "-12"],
    ["\u221212", "-12"],
    ["-$12.30", "-12.30"],
    ["+5", "5"],
    [".5", "0.5"],
    ["-0.00", "0.00"],
    ["12345678901234567890.123456789012345678", "12345678901234567890.123456789012345678"],
  ])("%s without doubt is read to its last digit", (typed, amount) => {
    expect(parseTypedAmount(typed, "USD")).toBe(amount);
  });

  test.each([
    ["1,250", "type 1250, or 1.25."],
    ["1.250", "type 1250, or 1.25."],
    ["$10,000", "type 10000, or 10.00."],
    ["-12.345", "type 12345, or 12.3450."],
  ])("%s is refused with both ways to type it", (typed, ways) => {
    expect(() => parseTypedAmount(typed, "USD")).toThrow(ways);
  });

  test.each(["", "abc", "1e3", "12 50", "1,25,0.5", "(12", "12)", "--1", "(-1)", "1 2 3", ","])(
    "%j is no amount",
    (typed) => {
      expect(() => parseTypedAmount(typed, "USD")).toThrow(/no amount|several signs/);
    },
  );

  test.each(["€5", "5 EUR", "£5"])("%s is not in dollars", (typed) => {
    expect(() => parseTypedAmount(typed, "USD")).toThrow("not in USD");
  });
});

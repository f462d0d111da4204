import { describe, expect, test } from "vitest";

import { changeBetween, formatDecimal, parseDecimal, sum } from "../domain/decimal";
import { amountParts, formatAmount, formatPercent, formatQuantity } from "./money";

const english = { locale: "en-US" };

describe("an amount", () => {
  test.each([
    ["25000.00", "USD", "$25,000.00"],
    ["500", "JPY", "¥500"],
    ["1.250", "KWD", "KWD 1.250"],
    ["-0.05", "EUR", "−€0.05"],
    ["-1234567.89", "USD", "−$1,234,567.89"],
    ["0.00", "USD", "$0.00"],
    ["123456789012345678.90", "USD", "$123,456,789,012,345,678.90"],
    ["999999999999999999.999999999999999999", "USD", "$999,999,999,999,999,999.999999999999999999"],
    ["0.10", "USD", "$0.10"],
    ["7.0000", "USD", "$7.0000"],
  ])("of %s %s keeps every digit", (text, currency, shown) => {
    expect(formatAmount(text, currency, english).replace(/\u00a0/g, " ")).toBe(shown);
  });

  test("shows the sign of a change, but none of zero", () => {
    expect(formatAmount("12.50", "USD", { ...english, isSigned: true })).toBe("+$12.50");
    expect(formatAmount("-12.50", "USD", { ...english, isSigned: true })).toBe("−$12.50");
    expect(formatAmount("0.00", "USD", { ...english, isSigned: true })).toBe("$0.00");
  });

  test("takes the form of its locale", () => {
    const german = formatAmount("-1234567.80", "EUR", { locale: "de-DE" });
    expect(german.replace(/\u00a0/g, " ")).toBe("−1.234.567,80 €");
    const indian = formatAmount("12345678.00", "INR", { locale: "en-IN" });
    expect(indian).toBe("₹1,23,45,678.00");
    const arabic = formatAmount("1234.500", "KWD", { locale: "ar-KW" });
    expect(arabic).toContain("1,234.500");
  });

  test("says nothing of its size or its sign when it is hidden", () => {
    const hidden = { ...english, isHidden: true, isSigned: true };
    expect(formatAmount("-1234567.89", "USD", hidden)).toBe("$•••");
    expect(formatAmount("1", "USD", hidden)).toBe("$•••");
  });

  test("splits into a prefix, digits and a suffix", () => {
    expect(amountParts("1234.56", "USD", english)).toEqual({
      prefix: "$",
      whole: "1,234",
      fraction: ".56",
      suffix: "",
    });
  });
});

describe("a quantity", () => {
  test.each([
    ["1452.306", "en-US", "1,452.306"],
    ["1452.306", "de-DE", "1.452,306"],
    ["-12345678.000000000000000001", "en-IN", "\u22121,23,45,678.000000000000000001"],
    ["0.5", "de-DE", "0,5"],
    ["7", "en-US", "7"],
  ])("of %s in %s keeps every digit", (text, locale, shown) => {
    expect(formatQuantity(text, locale)).toBe(shown);
  });
});

describe("a percent", () => {
  test.each([
    ["2.04", "+2.04%"],
    ["12.5", "+12.50%"],
    ["0", "0.00%"],
    ["-50", "−50.00%"],
    ["-0.00", "0.00%"],
    ["1234567.89", "+1,234,567.89%"],
  ])("of %s has two decimals", (percent, shown) => {
    expect(formatPercent(percent, "en-US")).toBe(shown);
  });
});

describe("a change", () => {
  test.each([
    ["24500.00", "25000.00", "500.00", "2.04"],
    ["20000", "22500", "2500", "12.50"],
    ["-1000", "-500", "500", "50.00"],
    ["0.00", "10.00", "10.00", null],
    ["1.00", "123456789012345678.90", "123456789012345677.90", null],
    ["1.00", "9999999999.99", "9999999998.99", "999999999899.00"],
    ["100.00", "100.005", "0.005", "0.01"],
    ["-100.00", "-100.005", "-0.005", "-0.01"],
    ["3.00", "2.00", "-1.00", "-33.33"],
  ])("from %s to %s agrees with the API's", (from, to, amount, percent) => {
    expect(changeBetween(from, to)).toEqual({ amount, percent });
  });
});

describe("a sum", () => {
  test("is exact where a float is not", () => {
    expect(sum(["0.1", "0.2"])).toBe("0.3");
    expect(sum(["999999999999999999.99", "0.01", "-0.001"])).toBe("999999999999999999.999");
    expect(sum([])).toBe("0");
  });

  test("formats a parsed text unchanged", () => {
    for (const text of ["0", "-0.05", "500", "1.250", "-123456789012345678.90"]) {
      expect(formatDecimal(parseDecimal(text))).toBe(text);
    }
    expect(() => parseDecimal("1e3")).toThrow(RangeError);
  });
});

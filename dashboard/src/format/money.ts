/** Amounts and percents with every digit of the API's text, in the reader's language. */

import { locale as readerLocale } from "./locale";

export interface AmountParts {
  /** The sign, and a currency that stands before the digits. */
  readonly prefix: string;
  readonly whole: string;
  /** With its decimal point; empty where the text has none. */
  readonly fraction: string;
  readonly suffix: string;
}

export interface AmountOptions {
  readonly locale?: string;
  /** Whether a positive amount has a plus sign. */
  readonly isSigned?: boolean;
  readonly isHidden?: boolean;
}

const MINUS = "\u2212";
export const HIDDEN_DIGITS = "\u2022\u2022\u2022";
const DIGIT_PARTS: readonly string[] = ["integer", "group"];

export function amountParts(
  text: string,
  currency: string,
  { locale = readerLocale, isSigned = false, isHidden = false }: AmountOptions = {},
): AmountParts {
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const sample = isHidden || isZero(text) ? 0 : text.startsWith("-") ? -1 : 1;
  const parts = currencyFormat(locale, currency, isSigned && !isHidden).formatToParts(sample);
  const firstDigit = parts.findIndex((part) => DIGIT_PARTS.includes(part.type));
  const lastDigit = parts.findLastIndex((part) => DIGIT_PARTS.includes(part.type) || part.type === "fraction");
  return {
    prefix: joinParts(parts.slice(0, firstDigit)),
    whole: isHidden ? HIDDEN_DIGITS : groupDigits(whole, locale, currency),
    fraction: isHidden || fraction === "" ? "" : decimalPoint(parts) + fraction,
    suffix: joinParts(parts.slice(lastDigit + 1)),
  };
}

export function formatAmount(text: string, currency: string, options: AmountOptions = {}): string {
  const { prefix, whole, fraction, suffix } = amountParts(text, currency, options);
  return prefix + whole + fraction + suffix;
}

/** Return a quantity with every digit of its text. */
export function formatQuantity(text: string, locale: string = readerLocale): string {
  const { whole, fraction } = amountParts(text, "XXX", { locale });
  return (text.startsWith("-") ? MINUS : "") + whole + fraction;
}

/** Return a percent of two decimals with its sign. */
export function formatPercent(text: string, locale: string = readerLocale): string {
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const sign = isZero(text) ? "" : text.startsWith("-") ? MINUS : "+";
  const parts = cachedFormat(locale, { style: "percent", minimumFractionDigits: 2 }).formatToParts(1);
  const unit = parts.slice(parts.findLastIndex((part) => part.type === "fraction") + 1);
  return sign + groupDigits(whole, locale, "XXX") + decimalPoint(parts) + fraction.padEnd(2, "0") + joinParts(unit);
}

/** Return a tick of a chart's axis, rounded to four digits. */
export function formatTick(value: number, currency: string, locale: string = readerLocale): string {
  return cachedFormat(locale, {
    style: "currency",
    currency,
    notation: "compact",
    minimumFractionDigits: 0,
    maximumSignificantDigits: 4,
  })
    .format(value)
    .replace("-", MINUS);
}

function isZero(text: string): boolean {
  return !/[1-9]/.test(text);
}

function decimalPoint(parts: readonly Intl.NumberFormatPart[]): string {
  return parts.find((part) => part.type === "decimal")?.value ?? ".";
}

function joinParts(parts: readonly Intl.NumberFormatPart[]): string {
  return parts.map((part) => (part.type === "minusSign" ? MINUS : part.value)).join("");
}

function groupDigits(whole: string, locale: string, currency: string): string {
  const parts = currencyFormat(locale, currency, false).formatToParts(BigInt(whole));
  return joinParts(parts.filter((part) => DIGIT_PARTS.includes(part.type)));
}

function currencyFormat(locale: string, currency: string, isSigned: boolean): Intl.NumberFormat {
  return cachedFormat(locale, {
    style: "currency",
    currency,
    // One fraction digit always, so that the parts show the place of the decimal point.
    minimumFractionDigits: 1,
    maximumFractionDigits: 1,
    signDisplay: isSigned ? "exceptZero" : "auto",
  });
}

const formats = new Map<string, Intl.NumberFormat>();

/** Making a format takes far longer than finding it. */
function cachedFormat(locale: string, options: Intl.NumberFormatOptions): Intl.NumberFormat {
  const key = locale + JSON.stringify(options);
  let format = formats.get(key);
  if (!format) formats.set(key, (format = new Intl.NumberFormat(locale, { numberingSystem: "latn", ...options })));
  return format;
}

/** Amounts as people read them: every digit of the API's text, in the reader's own form. */

export interface AmountParts {
  readonly prefix: string;
  readonly whole: string;
  readonly fraction: string;
  readonly suffix: string;
}

const MINUS = "\u2212";
const HIDDEN_DIGITS = "\u2022\u2022\u2022";
const DIGIT_PARTS = new Set(["integer", "group"]);

/** Split an amount for setting: what stands before the digits, the digits, and what follows. */
export function amountParts(
  text: string,
  currency: string,
  { locale, isSigned = false, isHidden = false }: { locale?: string; isSigned?: boolean; isHidden?: boolean } = {},
): AmountParts {
  const isNegative = text.startsWith("-");
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const isZero = !/[1-9]/.test(text);
  const sample = isZero || isHidden ? 0 : isNegative ? -1 : 1;
  const parts = currencyFormat(locale, currency, isSigned && !isHidden).formatToParts(sample);
  const firstDigit = parts.findIndex((part) => DIGIT_PARTS.has(part.type));
  const lastDigit = parts.findLastIndex((part) => DIGIT_PARTS.has(part.type) || part.type === "fraction");
  const decimalPoint = parts.find((part) => part.type === "decimal")?.value ?? ".";
  return {
    prefix: joinParts(parts.slice(0, firstDigit)),
    whole: isHidden ? HIDDEN_DIGITS : groupDigits(whole, locale, currency),
    fraction: isHidden || fraction === "" ? "" : decimalPoint + fraction,
    suffix: joinParts(parts.slice(lastDigit + 1)),
  };
}

export function formatAmount(
  text: string,
  currency: string,
  options: { locale?: string; isSigned?: boolean; isHidden?: boolean } = {},
): string {
  const { prefix, whole, fraction, suffix } = amountParts(text, currency, options);
  return prefix + whole + fraction + suffix;
}

/** A percent of two decimals, signed; the API's number and our own text come out alike. */
export function formatPercent(percent: string | number, locale?: string): string {
  const text = typeof percent === "number" ? percent.toFixed(2) : percent;
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const isZero = !/[1-9]/.test(text);
  const sign = isZero ? "" : text.startsWith("-") ? MINUS : "+";
  const parts = percentFormat(locale).formatToParts(1);
  const decimalPoint = parts.find((part) => part.type === "decimal")?.value ?? ".";
  const unit = parts.slice(parts.findLastIndex((part) => part.type === "fraction") + 1);
  return sign + groupDigits(whole, locale, "") + decimalPoint + fraction.padEnd(2, "0") + joinParts(unit);
}

/** Round numbers beside a chart's lines; never an amount. */
export function formatTick(value: number, currency: string, locale?: string): string {
  return tickFormat(locale, currency).format(value).replace("-", MINUS);
}

function joinParts(parts: readonly Intl.NumberFormatPart[]): string {
  return parts.map((part) => (part.type === "minusSign" ? MINUS : part.value)).join("");
}

function groupDigits(whole: string, locale: string | undefined, currency: string): string {
  const parts = currencyFormat(locale, currency || "XXX", false).formatToParts(BigInt(whole));
  return parts.filter((part) => DIGIT_PARTS.has(part.type)).map((part) => part.value).join("");
}

const formatCache = new Map<string, Intl.NumberFormat>();

function cachedFormat(key: string, create: () => Intl.NumberFormat): Intl.NumberFormat {
  let cached = formatCache.get(key);
  if (!cached) formatCache.set(key, (cached = create()));
  return cached;
}

// A fraction digit is always asked for, so that the layout shows where the point stands.
function currencyFormat(locale: string | undefined, currency: string, isSigned: boolean): Intl.NumberFormat {
  return cachedFormat(`${locale}/${currency}/${isSigned}`, () =>
    new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      numberingSystem: "latn",
      minimumFractionDigits: 1,
      maximumFractionDigits: 1,
      signDisplay: isSigned ? "exceptZero" : "auto",
    }),
  );
}

function percentFormat(locale: string | undefined): Intl.NumberFormat {
  return cachedFormat(`${locale}/%`, () =>
    new Intl.NumberFormat(locale, {
      style: "percent",
      numberingSystem: "latn",
      minimumFractionDigits: 2,
    }),
  );
}

function tickFormat(locale: string | undefined, currency: string): Intl.NumberFormat {
  return cachedFormat(`${locale}/${currency}/tick`, () =>
    new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      numberingSystem: "latn",
      notation: "compact",
      minimumFractionDigits: 0,
      maximumSignificantDigits: 4,
    }),
  );
}

/** Amounts as people read them: every digit of the API's text, in the reader's own form. */

export interface AmountParts {
  readonly before: string;
  readonly whole: string;
  readonly fraction: string;
  readonly after: string;
}

const MINUS = "\u2212";
const HIDDEN = "\u2022\u2022\u2022";
const DIGITS = new Set(["integer", "group"]);

/** Split an amount for setting: what stands before the digits, the digits, and what follows. */
export function amountParts(
  text: string,
  currency: string,
  { locale, signed = false, hidden = false }: { locale?: string; signed?: boolean; hidden?: boolean } = {},
): AmountParts {
  const isNegative = text.startsWith("-");
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const isZero = !/[1-9]/.test(text);
  const sample = isZero || hidden ? 0 : isNegative ? -1 : 1;
  const layout = format(locale, currency, signed && !hidden).formatToParts(sample);
  const first = layout.findIndex((part) => DIGITS.has(part.type));
  const last = layout.findLastIndex((part) => DIGITS.has(part.type) || part.type === "fraction");
  const point = layout.find((part) => part.type === "decimal")?.value ?? ".";
  return {
    before: joined(layout.slice(0, first)),
    whole: hidden ? HIDDEN : grouped(whole, locale, currency),
    fraction: hidden || fraction === "" ? "" : point + fraction,
    after: joined(layout.slice(last + 1)),
  };
}

export function formatAmount(
  text: string,
  currency: string,
  options: { locale?: string; signed?: boolean; hidden?: boolean } = {},
): string {
  const { before, whole, fraction, after } = amountParts(text, currency, options);
  return before + whole + fraction + after;
}

/** A percent of two decimals, signed; the API's number and our own text come out alike. */
export function formatPercent(percent: string | number, locale?: string): string {
  const text = typeof percent === "number" ? percent.toFixed(2) : percent;
  const [whole = "0", fraction = ""] = text.replace("-", "").split(".");
  const isZero = !/[1-9]/.test(text);
  const sign = isZero ? "" : text.startsWith("-") ? MINUS : "+";
  const layout = percentFormat(locale).formatToParts(1);
  const point = layout.find((part) => part.type === "decimal")?.value ?? ".";
  const unit = layout.slice(layout.findLastIndex((part) => part.type === "fraction") + 1);
  return sign + grouped(whole, locale, "") + point + fraction.padEnd(2, "0") + joined(unit);
}

/** Round numbers beside a chart's lines; never an amount. */
export function formatTick(value: number, currency: string, locale?: string): string {
  return tickFormat(locale, currency).format(value).replace("-", MINUS);
}

function joined(parts: readonly Intl.NumberFormatPart[]): string {
  return parts.map((part) => (part.type === "minusSign" ? MINUS : part.value)).join("");
}

function grouped(whole: string, locale: string | undefined, currency: string): string {
  const parts = format(locale, currency || "XXX", false).formatToParts(BigInt(whole));
  return parts.filter((part) => DIGITS.has(part.type)).map((part) => part.value).join("");
}

const formats = new Map<string, Intl.NumberFormat>();

function kept(key: string, make: () => Intl.NumberFormat): Intl.NumberFormat {
  let found = formats.get(key);
  if (!found) formats.set(key, (found = make()));
  return found;
}

// A fraction digit is always asked for, so that the layout shows where the point stands.
function format(locale: string | undefined, currency: string, signed: boolean): Intl.NumberFormat {
  return kept(`${locale}/${currency}/${signed}`, () =>
    new Intl.NumberFormat(locale, {
      style: "currency",
      currency,
      numberingSystem: "latn",
      minimumFractionDigits: 1,
      maximumFractionDigits: 1,
      signDisplay: signed ? "exceptZero" : "auto",
    }),
  );
}

function percentFormat(locale: string | undefined): Intl.NumberFormat {
  return kept(`${locale}/%`, () =>
    new Intl.NumberFormat(locale, {
      style: "percent",
      numberingSystem: "latn",
      minimumFractionDigits: 2,
    }),
  );
}

function tickFormat(locale: string | undefined, currency: string): Intl.NumberFormat {
  return kept(`${locale}/${currency}/tick`, () =>
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

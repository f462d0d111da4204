/** Exact decimals, from the API's text through every sum and percent. */

export interface Decimal {
  readonly units: bigint;
  /** The number of digits after the decimal point. */
  readonly scale: number;
}

const PATTERN = /^(-?)([0-9]+)(?:\.([0-9]+))?$/;

export function parseDecimal(text: string): Decimal {
  const match = PATTERN.exec(text);
  if (!match) throw new RangeError("This is not a plain decimal.");
  const [, sign, whole, fraction = ""] = match;
  const units = BigInt(`${whole}${fraction}`);
  return { units: sign ? -units : units, scale: fraction.length };
}

export function formatDecimal({ units, scale }: Decimal): string {
  const digits = abs(units).toString().padStart(scale + 1, "0");
  const whole = digits.slice(0, digits.length - scale);
  const fraction = digits.slice(digits.length - scale);
  return `${units < 0n ? "-" : ""}${whole}${scale > 0 ? `.${fraction}` : ""}`;
}

function add(a: Decimal, b: Decimal): Decimal {
  const scale = Math.max(a.scale, b.scale);
  return { units: unitsAtScale(a, scale) + unitsAtScale(b, scale), scale };
}

function subtract(a: Decimal, b: Decimal): Decimal {
  return add(a, { units: -b.units, scale: b.scale });
}

export function sum(texts: Iterable<string>): string {
  let total: Decimal = { units: 0n, scale: 0 };
  for (const text of texts) total = add(total, parseDecimal(text));
  return formatDecimal(total);
}

export interface Change {
  readonly amount: string;
  /** Two decimals, half away from zero; null where the first balance is zero, and from 10^12 on. */
  readonly percent: string | null;
}

export function changeBetween(from: string, to: string): Change {
  const start = parseDecimal(from);
  const change = subtract(parseDecimal(to), start);
  return { amount: formatDecimal(change), percent: percentOf(change, start) };
}

/** Return the change from the first to the last balance, or null where there is none. */
export function overallChange(balances: readonly { balance: string }[]): Change | null {
  const first = balances[0];
  const last = balances.at(-1);
  return first && last ? changeBetween(first.balance, last.balance) : null;
}

const PERCENT_LIMIT = 10n ** 14n;

function percentOf(change: Decimal, base: Decimal): string | null {
  if (base.units === 0n) return null;
  const scale = Math.max(change.scale, base.scale);
  const numerator = unitsAtScale(change, scale) * 10_000n;
  const denominator = abs(unitsAtScale(base, scale));
  const hundredths = (abs(numerator) * 2n + denominator) / (denominator * 2n);
  if (hundredths >= PERCENT_LIMIT) return null;
  return formatDecimal({ units: numerator < 0n ? -hundredths : hundredths, scale: 2 });
}

/** -1, 0 or 1. */
export function signOf(text: string): -1 | 0 | 1 {
  const { units } = parseDecimal(text);
  if (units === 0n) return 0;
  return units < 0n ? -1 : 1;
}

function unitsAtScale({ units, scale }: Decimal, target: number): bigint {
  return units * 10n ** BigInt(target - scale);
}

function abs(units: bigint): bigint {
  return units < 0n ? -units : units;
}

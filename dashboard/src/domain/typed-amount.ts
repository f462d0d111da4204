/** Amounts as people type them, in the way of any country; the command line reads the same ones. */

const TYPED =
  /^(\()?([-+]?) ?([A-Za-z]{0,3}[$€£¥₹₩]|[A-Za-z]{3}|) ?(-?)([\d.,](?:[\d.,'’ ]*[\d.,])?) ?([A-Za-z]{0,3}[$€£¥₹₩]|[A-Za-z]{3}|)(\))?$/;
// The dollars and pesos of most countries; a code says it for the others.
const MARKS: Record<string, string> = {
  $: "USD CAD AUD NZD SGD HKD TWD MXN CLP COP ARS",
  "€": "EUR",
  "£": "GBP",
  "¥": "JPY CNY",
  "₹": "INR",
  "₩": "KRW",
};
const FORM = "Type it like 1250.50 or -1250.50.";
const MOST_WHOLE_DIGITS = 20;
const MOST_FRACTION_DIGITS = 18;

/** A sentence that says how to type the amount. */
export class AmountError extends Error {}

/** Return a typed amount as the API takes it; throw AmountError where it can be read in two ways, or in none. */
export function parseTypedAmount(text: string, currency: string): string {
  const typed = text.replaceAll("\u2212", "-").trim().replace(/\s+/g, " ");
  const match = TYPED.exec(typed);
  if (!match || Boolean(match[1]) !== Boolean(match[7])) throw new AmountError(`“${typed}” is no amount. ${FORM}`);
  const [, open, sign, before = "", inner, digits = "", after = ""] = match;
  const mark = before + after;
  if (mark && !(MARKS[mark.at(-1)!] ?? mark.toUpperCase()).split(" ").includes(currency)) {
    throw new AmountError(`“${typed}” is not in ${currency}: type the amount alone.`);
  }
  const plain = toPlain(digits);
  if (!plain) throw new AmountError(`“${typed}” is no amount. ${FORM}`);
  const signs = [sign === "-", Boolean(inner), Boolean(open)].filter(Boolean).length;
  if (signs > 1) throw new AmountError(`“${typed}” has several signs. ${FORM}`);
  return signs === 1 && /[1-9]/.test(plain) ? `-${plain}` : plain;
}

function toPlain(digits: string): string | null {
  const point = decimalSeparator(digits);
  const group = point === "," ? "[. '’]" : "[, '’]";
  const style = new RegExp(`^(\\d*|\\d{1,3}(${group})\\d{3}(?:\\2\\d{3})*)(?:\\${point}(\\d*))?$`);
  const match = style.exec(digits);
  if (!match || !(match[1] || match[3])) return null;
  const whole = match[1]!.replace(/\D/g, "") || "0";
  const fraction = match[3] ?? "";
  if (whole.length > MOST_WHOLE_DIGITS || fraction.length > MOST_FRACTION_DIGITS) return null;
  return fraction ? `${whole}.${fraction}` : whole;
}

/** Return the decimal separator that the digits prove. */
function decimalSeparator(digits: string): "." | "," {
  const found = digits.match(/[.,]/g) ?? [];
  const last = found.at(-1) === "," ? "," : ".";
  if (new Set(found).size > 1) return last;
  if (found.length > 1) return last === "," ? "." : ",";
  if (found.length === 1 && /^[1-9]\d{0,2}[.,]\d{3}$/.test(digits)) {
    const whole = digits.replace(/[.,]/, "");
    const shortest = digits.replace(",", ".").replace(/0+$/, "");
    const places = shortest.split(".")[1]!.length;
    // Three digits behind the point would be in doubt again.
    const either = shortest + (places === 0 ? "00" : places === 3 ? "0" : "");
    throw new AmountError(`${digits} can be read in two ways: type ${whole}, or ${either}.`);
  }
  return last;
}

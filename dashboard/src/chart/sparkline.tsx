/** A line as small as a word, without axes; screen readers skip it. */

import type { JSX } from "preact";

import type { BalancePoint } from "./points";

const WIDTH = 112;
const HEIGHT = 30;
const PADDING = 3;

export function Sparkline({ points }: { points: readonly BalancePoint[] }): JSX.Element | null {
  if (points.length < 2) return null;
  const times = points.map((point) => Date.parse(point.at));
  const values = points.map((point) => Number(point.balance));
  const low = Math.min(...values);
  const high = Math.max(...values);
  const first = times[0]!;
  const duration = times.at(-1)! - first || 1;
  const x = (index: number): number => PADDING + ((times[index]! - first) / duration) * (WIDTH - 2 * PADDING);
  const y = (index: number): number =>
    high === low ? HEIGHT / 2 : PADDING + ((high - values[index]!) / (high - low)) * (HEIGHT - 2 * PADDING);
  const path = points.map((_, index) => `${x(index).toFixed(1)} ${y(index).toFixed(1)}`).join("L");
  const last = points.length - 1;
  return (
    <svg
      class={high <= 0 ? "sparkline is-debt" : "sparkline"}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
      focusable="false"
    >
      <path d={`M${path}`} />
      <circle cx={x(last)} cy={y(last)} r="2.5" />
    </svg>
  );
}

/** A balance's shape in the space of a word; the numbers stand beside it. */

import type { JSX } from "preact";

const WIDTH = 112;
const HEIGHT = 30;
const EDGE = 3;

export function Sparkline({
  points,
}: {
  points: readonly { at: string; balance: string }[];
}): JSX.Element | null {
  if (points.length < 2) return null;
  const times = points.map((point) => Date.parse(point.at));
  const values = points.map((point) => Number(point.balance));
  const low = Math.min(...values);
  const high = Math.max(...values);
  const first = times[0]!;
  const length = times.at(-1)! - first || 1;
  const x = (index: number): number => EDGE + ((times[index]! - first) / length) * (WIDTH - 2 * EDGE);
  const y = (index: number): number =>
    high === low ? HEIGHT / 2 : EDGE + ((high - values[index]!) / (high - low)) * (HEIGHT - 2 * EDGE);
  const line = points.map((_, index) => `${x(index).toFixed(1)} ${y(index).toFixed(1)}`).join("L");
  const last = points.length - 1;
  return (
    <svg
      class={high <= 0 ? "sparkline is-debt" : "sparkline"}
      viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
      aria-hidden="true"
      focusable="false"
    >
      <path d={`M${line}`} />
      <circle cx={x(last)} cy={y(last)} r="2.5" />
    </svg>
  );
}

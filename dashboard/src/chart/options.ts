/** How a chart looks: scales, axes, and the colours of the page it stands on. */

import uPlot from "uplot";

import { formatTick } from "../format/money";
import type { Point } from "./points";
import { locale } from "../preferences";

export interface Layout {
  readonly currency: string;
  readonly isStepped: boolean;
  readonly isStacked: boolean;
  readonly hasEarlier: boolean;
  readonly hidden: boolean;
}

const SPARSE_PX = 14;
/** A range this wide beside its largest value shows zero; a narrower one shows its own shape. */
const WIDE = 0.35;

export function layout(
  root: HTMLElement,
  { currency, isStepped, isStacked, hasEarlier, hidden }: Layout,
  points: () => readonly Point[],
): Omit<uPlot.Options, "width" | "height"> {
  const color = paints(root);
  const paths = isStepped ? uPlot.paths.stepped!({ align: 1 }) : uPlot.paths.linear!();
  const font = `11px ${getComputedStyle(root).fontFamily}`;
  const markers: uPlot.Series.Points = {
    show: (u) => u.bbox.width / devicePixelRatio / Math.max(1, points().length) > SPARSE_PX,
    size: 6,
    width: 0,
    fill: (u) => split(u, color("accent"), color("loss")),
  };
  const line: uPlot.Series = {
    scale: "y",
    width: 2,
    paths,
    points: markers,
    stroke: (u) => split(u, color("accent"), color("loss")),
    fill: (u) => split(u, color("accent-wash"), color("loss-wash")),
    // Outside the picture it is cut off: an asset stands on its edge, a debt hangs from it.
    fillTo: 0,
  };
  const cash: uPlot.Series = {
    scale: "y",
    width: 1,
    paths,
    points: { show: false },
    stroke: color("accent"),
    fill: color("accent-deep"),
    fillTo: 0,
  };
  const earlier: uPlot.Series = {
    scale: "y",
    width: 1.5,
    paths,
    points: { show: false },
    stroke: color("quiet"),
    dash: [4, 4],
  };
  return {
    padding: [12, 4, 0, 0],
    legend: { show: false },
    cursor: {
      x: false,
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: 8 },
    },
    scales: {
      x: { time: true },
      y: { range: (_u, min, max) => reach(min, max, isStacked) },
    },
    series: [{}, line, ...(isStacked ? [cash] : []), ...(hasEarlier ? [earlier] : [])],
    axes: [
      {
        stroke: color("quiet"),
        font,
        gap: 8,
        size: 30,
        space: 72,
        grid: { show: false },
        ticks: { show: false },
        values: (_u, splits, _axis, _space, increment) => timeLabels(splits, increment),
      },
      {
        stroke: color("quiet"),
        font,
        gap: 8,
        space: 52,
        size: (_u, values) => axisWidth(values, font),
        grid: { stroke: color("hairline"), width: 1 },
        ticks: { show: false },
        values: (_u, splits) =>
          splits.map((split) => (hidden ? "" : formatTick(split, currency, locale))),
      },
    ],
  };
}

/** Return how to look up the page's colours; a canvas does not know their names. */
function paints(root: HTMLElement): (name: string) => string {
  const probe = root.appendChild(document.createElement("b"));
  const found = ["accent", "accent-wash", "accent-deep", "loss", "loss-wash", "quiet", "hairline"].map(
    (name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color] as const;
    },
  );
  probe.remove();
  const colors = new Map(found);
  return (name) => colors.get(name) ?? "currentColor";
}

/** The range that is drawn: zero stands at an edge where it is near, and never inside for nothing. */
function reach(min: number | null, max: number | null, isStacked: boolean): [number, number] {
  if (min === null || max === null || !Number.isFinite(min + max)) return [0, 1];
  const largest = Math.max(Math.abs(min), Math.abs(max));
  if (largest === 0) return [-1, 1];
  const showsZero = isStacked || (max - min) / largest > WIDE;
  const low = showsZero ? Math.min(0, min) : min;
  const high = showsZero ? Math.max(0, max) : max;
  const room = (high - low || largest * 0.1) * 0.08;
  return [low === 0 ? 0 : low - room, high === 0 ? 0 : high + room];
}

/** One colour above zero and one below it. */
function split(u: uPlot, above: string, below: string): CanvasGradient | string {
  const { min = 0, max = 1 } = u.scales.y as { min?: number; max?: number };
  if (min >= 0) return above;
  if (max <= 0) return below;
  const { top, height } = u.bbox;
  const zero = Math.min(1, Math.max(0, max / (max - min)));
  const gradient = u.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, above);
  gradient.addColorStop(zero, above);
  gradient.addColorStop(zero, below);
  gradient.addColorStop(1, below);
  return gradient;
}

const DAY_S = 86_400;
const formats = {
  time: new Intl.DateTimeFormat(locale, { hour: "numeric", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(locale, { day: "numeric", month: "short" }),
  month: new Intl.DateTimeFormat(locale, { month: "short" }),
  monthOfYear: new Intl.DateTimeFormat(locale, { month: "short", year: "numeric" }),
  year: new Intl.DateTimeFormat(locale, { year: "numeric" }),
};

function timeLabels(splits: readonly number[], increment: number): string[] {
  return splits.map((split, index) => {
    const date = new Date(split * 1000);
    if (increment < DAY_S) {
      return (date.getHours() + date.getMinutes() === 0 ? formats.day : formats.time).format(date);
    }
    if (increment < 28 * DAY_S) return formats.day.format(date);
    if (increment >= 365 * DAY_S) return formats.year.format(date);
    const isNewYear = index === 0 || date.getMonth() === 0;
    return (isNewYear ? formats.monthOfYear : formats.month).format(date);
  });
}

const ruler = document.createElement("canvas").getContext("2d")!;

function axisWidth(values: readonly string[] | null, font: string): number {
  ruler.font = font;
  const widest = Math.max(0, ...(values ?? []).map((value) => ruler.measureText(value).width));
  return Math.ceil(widest) + (widest > 0 ? 14 : 4);
}

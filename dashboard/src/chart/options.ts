/** The options of a chart: its scales, axes, and the colours of the page. */

import uPlot from "uplot";

import type { CoverageEvent } from "../api/types";
import { formatTimeTicks } from "../format/dates";
import { formatTick } from "../format/money";
import type { Point } from "./points";

export interface ChartStyle {
  readonly currency: string;
  readonly isStepped: boolean;
  readonly isStacked: boolean;
  readonly hasCarried: boolean;
  readonly hasEarlier: boolean;
  readonly isHidden: boolean;
}

const MARKER_SPACING_PX = 14;
// A range of values narrower than this part of the largest leaves zero out, to show its shape.
const ZERO_RATIO = 0.35;
// Half of a label of the time axis, the first of which can lie at the edge.
const MIN_AXIS_WIDTH = 30;
const RIGHT_PADDING = 4;

export function chartOptions(
  root: HTMLElement,
  { currency, isStepped, isStacked, hasCarried, hasEarlier, isHidden }: ChartStyle,
  points: () => readonly Point[],
): Omit<uPlot.Options, "width" | "height"> {
  const colorOf = readColors(root);
  const paths = isStepped ? uPlot.paths.stepped!({ align: 1 }) : uPlot.paths.linear!();
  const font = `11px ${getComputedStyle(root).fontFamily}`;
  const markers: uPlot.Series.Points = {
    show: (plot) => plot.bbox.width / devicePixelRatio / Math.max(1, points().length) > MARKER_SPACING_PX,
    size: 6,
    width: 0,
    fill: (plot) => colorBySign(plot, colorOf("accent"), colorOf("loss")),
  };
  const base: uPlot.Series = { scale: "y", paths, points: { show: false } };
  const line: uPlot.Series = {
    ...base,
    width: 2,
    points: markers,
    stroke: (plot) => colorBySign(plot, colorOf("accent"), colorOf("loss")),
    // An area tells its size by its height above zero: where zero is out of sight there is none.
    fill: (plot) => (hasZero(plot) ? colorBySign(plot, colorOf("accent-fill"), colorOf("loss-fill")) : "transparent"),
    fillTo: 0,
  };
  const cash: uPlot.Series = {
    ...base,
    width: 1,
    stroke: colorOf("accent"),
    fill: colorOf("accent-fill-strong"),
    fillTo: 0,
  };
  const carried: uPlot.Series = {
    ...base,
    // It holds until the next balance.
    paths: uPlot.paths.stepped!({ align: 1 }),
    width: 1.5,
    dash: [3, 5],
    stroke: (plot) => colorBySign(plot, colorOf("accent"), colorOf("loss")),
  };
  const earlier: uPlot.Series = {
    ...base,
    width: 1.5,
    stroke: colorOf("text-muted"),
    dash: [4, 4],
  };
  const axis: uPlot.Axis = { stroke: colorOf("text-muted"), font, gap: 8, ticks: { show: false } };
  return {
    padding: [12, RIGHT_PADDING, 0, 0],
    legend: { show: false },
    cursor: {
      x: false,
      y: false,
      points: { show: false },
      drag: { x: true, y: false, setScale: false, dist: 8 },
    },
    scales: {
      x: { time: true },
      y: { range: (_plot, min, max) => valueRange(min, max, isStacked) },
    },
    series: [
      {},
      line,
      ...(isStacked ? [cash] : []),
      ...(hasCarried ? [carried] : []),
      ...(hasEarlier ? [earlier] : []),
    ],
    axes: [
      {
        ...axis,
        size: 30,
        space: 72,
        grid: { show: false },
        values: (plot, ticks, _axis, _space, increment) =>
          formatTimeTicks(ticks, increment).map((label, index) => (isCut(plot, ticks[index]!, label, font) ? "" : label)),
      },
      {
        ...axis,
        space: 52,
        size: (_plot, labels) => axisWidth(labels, font),
        grid: { stroke: colorOf("border-subtle"), width: 1 },
        values: (_plot, ticks) => ticks.map((tick) => (isHidden ? "" : formatTick(tick, currency))),
      },
    ],
  };
}

const MARK_RADIUS_PX = 6;

/** Draw a plus in a circle on the line where an account begins, and a minus where one ends. */
export function drawEvents(
  plot: uPlot,
  root: HTMLElement,
  points: readonly Point[],
  events: readonly CoverageEvent[],
): void {
  if (events.length === 0) return;
  const colorOf = readColors(root);
  const { ctx } = plot;
  const radius = MARK_RADIUS_PX * devicePixelRatio;
  const arm = radius / 2;
  ctx.save();
  ctx.lineWidth = 1.5 * devicePixelRatio;
  ctx.strokeStyle = colorOf("accent");
  ctx.fillStyle = colorOf("background");
  for (const { at, kind } of events) {
    const point = points.find((one) => Date.parse(one.at) >= Date.parse(at)) ?? points.at(-1);
    if (!point) continue;
    const x = plot.valToPos(point.time, "x", true);
    const y = plot.valToPos(point.value, "y", true);
    if (x < plot.bbox.left || x > plot.bbox.left + plot.bbox.width) continue;
    ctx.beginPath();
    ctx.arc(x, y, radius, 0, 2 * Math.PI);
    ctx.fill();
    ctx.moveTo(x - arm, y);
    ctx.lineTo(x + arm, y);
    if (kind === "begins") {
      ctx.moveTo(x, y - arm);
      ctx.lineTo(x, y + arm);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** Return a lookup of the page's colours; a canvas cannot read custom properties. */
function readColors(root: HTMLElement): (name: string) => string {
  const probe = root.appendChild(document.createElement("b"));
  const pairs = ["accent", "accent-fill", "accent-fill-strong", "background", "loss", "loss-fill", "text-muted", "border-subtle"].map(
    (name) => {
      probe.style.color = `var(--${name})`;
      return [name, getComputedStyle(probe).color] as const;
    },
  );
  probe.remove();
  const colors = new Map(pairs);
  return (name) => colors.get(name) ?? "currentColor";
}

/** Return the range of the value axis; it ends at zero where zero is shown and all values have one sign. */
function valueRange(min: number | null, max: number | null, isStacked: boolean): [number, number] {
  if (min === null || max === null || !Number.isFinite(min + max)) return [0, 1];
  const largest = Math.max(Math.abs(min), Math.abs(max));
  if (largest === 0) return [-1, 1];
  const showsZero = isStacked || (max - min) / largest > ZERO_RATIO;
  const low = showsZero ? Math.min(0, min) : min;
  const high = showsZero ? Math.max(0, max) : max;
  const margin = (high - low || largest * 0.1) * 0.08;
  return [low === 0 ? 0 : low - margin, high === 0 ? 0 : high + margin];
}

function hasZero({ scales }: uPlot): boolean {
  const { min = 0, max = 0 } = scales.y as { min?: number; max?: number };
  return min <= 0 && max >= 0;
}

/** Return one colour for values above zero and another for those below. */
function colorBySign(plot: uPlot, above: string, below: string): CanvasGradient | string {
  const { min = 0, max = 1 } = plot.scales.y as { min?: number; max?: number };
  if (min >= 0) return above;
  if (max <= 0) return below;
  const { top, height } = plot.bbox;
  const zero = Math.min(1, Math.max(0, max / (max - min)));
  const gradient = plot.ctx.createLinearGradient(0, top, 0, top + height);
  gradient.addColorStop(0, above);
  gradient.addColorStop(zero, above);
  gradient.addColorStop(zero, below);
  gradient.addColorStop(1, below);
  return gradient;
}

const measureContext = document.createElement("canvas").getContext("2d")!;

/** Whether a label of the time axis would pass the chart's right edge. */
function isCut(plot: uPlot, tick: number, label: string, font: string): boolean {
  measureContext.font = font;
  const { min = 0, max = 1 } = plot.scales.x as { min?: number; max?: number };
  return measureContext.measureText(label).width / 2 > ((max - tick) / (max - min)) * plot.width + RIGHT_PADDING;
}

function axisWidth(labels: readonly string[] | null, font: string): number {
  measureContext.font = font;
  const widest = Math.max(0, ...(labels ?? []).map((label) => measureContext.measureText(label).width));
  return Math.max(MIN_AXIS_WIDTH, Math.ceil(widest) + 14);
}

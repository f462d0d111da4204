/** A line of balances on a canvas, with a cursor that pointers, fingers and keys move. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import type { CoverageEvent } from "../api/types";
import { areAmountsHidden, isDark, prefersReducedMotion } from "../preferences";
import { chartOptions, drawEvents, type ChartStyle } from "./options";
import { earlierAt, hasCarried, nearestIndex, toPlotData, type Point } from "./points";

export interface ChartProps {
  readonly points: readonly Point[];
  /** The points of a year earlier, shifted to the times of this range. */
  readonly earlier?: readonly Point[] | undefined;
  readonly events: readonly CoverageEvent[];
  readonly currency: string;
  readonly start: Date;
  readonly end: Date;
  /** Whether a balance holds until the next one, as a typed balance does. */
  readonly isStepped?: boolean;
  readonly isStacked?: boolean;
  readonly cursor: number | null;
  readonly onCursorChange: (index: number | null) => void;
  readonly onRangeSelect: (start: Date, end: Date) => void;
  /** Read by screen readers in place of the picture. */
  readonly summary: string;
  readonly describePoint: (index: number) => string;
}

const TRANSITION_MS = 260;
const WHEEL_SETTLE_MS = 180;

export function Chart(props: ChartProps): JSX.Element {
  const { points, earlier, currency, isStepped = false, isStacked = false, cursor } = props;
  const isHidden = areAmountsHidden.value;
  const isDarkTheme = isDark.value;
  const container = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const hasEarlier = Boolean(earlier?.length);
  const isCarried = hasCarried(points);

  useLayoutEffect(() => {
    const element = container.current!;
    const style: ChartStyle = { currency, isStepped, isStacked, hasCarried: isCarried, hasEarlier, isHidden };
    const initial = latest.current;
    const created = new uPlot(
      {
        ...chartOptions(element, style, () => latest.current.points),
        width: element.clientWidth,
        height: element.clientHeight,
        hooks: {
          setSelect: [(chart) => onSelect(chart, latest.current.onRangeSelect)],
          draw: [
            (chart) => drawEvents(chart, element, latest.current.points, latest.current.events),
            () => positionCursor(element, plot.current, latest.current),
          ],
        },
      },
      toPlotData(initial.points, initial.earlier, { isStepped, isStacked }),
      element,
    );
    plot.current = created;
    setTimeRange(created, initial.start, initial.end);
    const resizeObserver = new ResizeObserver(() =>
      created.setSize({ width: element.clientWidth, height: element.clientHeight }),
    );
    resizeObserver.observe(element);
    const removeListeners = addPointerListeners(element, created, () => latest.current);
    return () => {
      removeListeners();
      resizeObserver.disconnect();
      created.destroy();
      plot.current = null;
    };
  }, [currency, isStepped, isStacked, isCarried, hasEarlier, isHidden, isDarkTheme]);

  useEffect(() => {
    const chart = plot.current;
    if (!chart) return undefined;
    chart.setData(toPlotData(points, earlier, { isStepped, isStacked }), false);
    return animateTimeRange(chart, props.start, props.end);
  }, [points, earlier, props.start.getTime(), props.end.getTime()]);

  useEffect(() => positionCursor(container.current!, plot.current, props), [cursor, points]);

  const last = points.length - 1;
  return (
    <div class="chart">
      <div ref={container} class="canvas" role="img" aria-label={props.summary}>
        <i class="crosshair" hidden />
        <i class="dot" hidden />
        <i class="dot is-earlier" hidden />
      </div>
      {last > 0 && (
        <div
          class="slider"
          role="slider"
          tabIndex={0}
          aria-label="Move through the balances"
          aria-valuemin={0}
          aria-valuemax={last}
          aria-valuenow={cursor ?? last}
          aria-valuetext={props.describePoint(cursor ?? last)}
          onKeyDown={(event) => onKey(event, latest.current)}
          onBlur={() => props.onCursorChange(null)}
        />
      )}
    </div>
  );
}

function setTimeRange(chart: uPlot, start: Date, end: Date): void {
  chart.setScale("x", { min: start.getTime() / 1000, max: end.getTime() / 1000 });
}

/** Move from one range to the next, so that the eye can follow. */
function animateTimeRange(chart: uPlot, start: Date, end: Date): (() => void) | undefined {
  const from = { min: chart.scales.x!.min ?? 0, max: chart.scales.x!.max ?? 1 };
  const to = { min: start.getTime() / 1000, max: end.getTime() / 1000 };
  if (prefersReducedMotion() || (from.min === to.min && from.max === to.max)) {
    setTimeRange(chart, start, end);
    return undefined;
  }
  const startedAt = performance.now();
  let frameId = 0;
  const step = (now: number): void => {
    const progress = Math.min(1, Math.max(0, (now - startedAt) / TRANSITION_MS));
    const easedProgress = 1 - (1 - progress) ** 3;
    chart.setScale("x", {
      min: from.min + (to.min - from.min) * easedProgress,
      max: from.max + (to.max - from.max) * easedProgress,
    });
    if (progress < 1) frameId = requestAnimationFrame(step);
  };
  frameId = requestAnimationFrame(step);
  return () => cancelAnimationFrame(frameId);
}

function onSelect(chart: uPlot, onRangeSelect: ChartProps["onRangeSelect"]): void {
  const { left, width } = chart.select;
  if (width < 8) return;
  chart.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  const timeAt = (x: number): Date => new Date(chart.posToVal(x, "x") * 1000);
  onRangeSelect(timeAt(left), timeAt(left + width));
}

/** Move the crosshair and its dots to the cursor. */
function positionCursor(element: HTMLElement, chart: uPlot | null, { points, earlier, cursor }: ChartProps): void {
  const [crosshair, dot, earlierDot] = element.querySelectorAll<HTMLElement>("i") as unknown as HTMLElement[];
  if (!chart || !crosshair || !dot || !earlierDot) return;
  const point = cursor === null ? undefined : points[cursor];
  const earlierPoint = point && earlierAt(earlier, point);
  crosshair.hidden = dot.hidden = !point;
  earlierDot.hidden = !earlierPoint;
  if (!point) return;
  dot.classList.toggle("is-debt", point.value < 0);
  const ratio = devicePixelRatio;
  const left = chart.bbox.left / ratio;
  const top = chart.bbox.top / ratio;
  const x = left + chart.valToPos(point.time, "x");
  const moveTo = (element: HTMLElement, y: number): void => {
    element.style.transform = `translate(${x}px, ${top + y}px)`;
  };
  moveTo(crosshair, 0);
  crosshair.style.height = `${chart.bbox.height / ratio}px`;
  moveTo(dot, chart.valToPos(point.value, "y"));
  if (earlierPoint) moveTo(earlierDot, chart.valToPos(earlierPoint.value, "y"));
}

function addPointerListeners(element: HTMLElement, chart: uPlot, latest: () => ChartProps): () => void {
  const overlay = chart.over;
  let settleTimer = 0;
  const moveTo = (clientX: number): void => {
    const { points, onCursorChange, isStepped } = latest();
    const time = chart.posToVal(clientX - overlay.getBoundingClientRect().left, "x");
    onCursorChange(points.length ? nearestIndex(points, time, isStepped ? "before" : "either") : null);
  };
  const onMove = (event: PointerEvent): void => moveTo(event.clientX);
  const onLeave = (event: PointerEvent): void => {
    if (event.pointerType === "mouse") latest().onCursorChange(null);
  };
  const onWheel = (event: WheelEvent): void => {
    const delta = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (Math.abs(delta) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
    event.preventDefault();
    const { min = 0, max = 1 } = chart.scales.x as { min?: number; max?: number };
    const seconds = Math.min((delta / overlay.clientWidth) * (max - min), Date.now() / 1000 - max);
    chart.setScale("x", { min: min + seconds, max: max + seconds });
    clearTimeout(settleTimer);
    settleTimer = window.setTimeout(() => {
      const { min: from = 0, max: to = 1 } = chart.scales.x as { min?: number; max?: number };
      latest().onRangeSelect(new Date(from * 1000), new Date(to * 1000));
    }, WHEEL_SETTLE_MS);
  };
  overlay.addEventListener("pointermove", onMove);
  overlay.addEventListener("pointerdown", onMove);
  overlay.addEventListener("pointerleave", onLeave);
  element.addEventListener("wheel", onWheel, { passive: false });
  return () => {
    clearTimeout(settleTimer);
    element.removeEventListener("wheel", onWheel);
  };
}

/** Move the cursor, or zoom the range, by a key. */
function onKey(event: KeyboardEvent, { points, cursor, onCursorChange, onRangeSelect, start, end }: ChartProps): void {
  const last = points.length - 1;
  const current = cursor ?? last;
  const pageStep = Math.max(1, Math.round(last / 12));
  const to: Record<string, number | null> = {
    ArrowLeft: current - 1,
    ArrowDown: current - 1,
    ArrowRight: current + 1,
    ArrowUp: current + 1,
    PageUp: current - pageStep,
    PageDown: current + pageStep,
    Home: 0,
    End: last,
    Escape: null,
  };
  const target = to[event.key];
  if (target !== undefined) {
    event.preventDefault();
    onCursorChange(target === null ? null : Math.min(last, Math.max(0, target)));
  } else if (event.key === "+" || event.key === "-") {
    event.preventDefault();
    const center = points[current]!.time * 1000;
    const halfWidth = ((end.getTime() - start.getTime()) / 2) * (event.key === "+" ? 0.5 : 2);
    onRangeSelect(new Date(center - halfWidth), new Date(Math.min(center + halfWidth, Date.now())));
  }
}

/** A line of balances over time on a canvas, with a cursor for pointers, fingers and keys. */

import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import uPlot from "uplot";

import { layout, type Layout } from "./options";
import { nearest, tableOf, type Point } from "./points";
import { areAmountsHidden, isDark, prefersStillness } from "../preferences";

export interface ChartProps {
  readonly points: readonly Point[];
  /** The same stretch a year before, moved to lie beneath. */
  readonly earlier?: readonly Point[] | undefined;
  readonly currency: string;
  readonly start: Date;
  readonly end: Date;
  /** A balance that somebody typed holds until the next one. */
  readonly isStepped?: boolean;
  readonly isStacked?: boolean;
  readonly cursor: number | null;
  readonly onCursor: (index: number | null) => void;
  readonly onRange: (start: Date, end: Date) => void;
  /** Told by screen readers in place of the picture. */
  readonly summary: string;
  readonly describe: (index: number) => string;
}

const GLIDE_MS = 260;
const SETTLED_MS = 180;

export function Chart(props: ChartProps): JSX.Element {
  const { points, earlier, currency, isStepped = false, isStacked = false, cursor } = props;
  const hidden = areAmountsHidden.value;
  const dark = isDark.value;
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const newest = useRef(props);
  newest.current = props;
  const hasEarlier = Boolean(earlier?.length);

  useLayoutEffect(() => {
    const root = frame.current!;
    const drawn: Layout = { currency, isStepped, isStacked, hasEarlier, hidden };
    const first = newest.current;
    const made = new uPlot(
      {
        ...layout(root, drawn, () => newest.current.points),
        width: root.clientWidth,
        height: root.clientHeight,
        hooks: {
          setSelect: [(u) => chosen(u, newest.current.onRange)],
          draw: [() => place(root, plot.current, newest.current)],
        },
      },
      tableOf(first.points, first.earlier, { isStepped, isStacked }),
      root,
    );
    plot.current = made;
    show(made, first.start, first.end);
    const resized = new ResizeObserver(() =>
      made.setSize({ width: root.clientWidth, height: root.clientHeight }),
    );
    resized.observe(root);
    const unlisten = listen(root, made, () => newest.current);
    return () => {
      unlisten();
      resized.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [currency, isStepped, isStacked, hasEarlier, hidden, dark]);

  useEffect(() => {
    const u = plot.current;
    if (!u) return undefined;
    u.setData(tableOf(points, earlier, { isStepped, isStacked }), false);
    return glide(u, props.start, props.end);
  }, [points, earlier, props.start.getTime(), props.end.getTime()]);

  useEffect(() => place(frame.current!, plot.current, props), [cursor, points]);

  const last = points.length - 1;
  return (
    <div class="chart">
      <div ref={frame} class="canvas" role="img" aria-label={props.summary}>
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
          aria-valuetext={props.describe(cursor ?? last)}
          onKeyDown={(event) => moved(event, newest.current)}
          onBlur={() => props.onCursor(null)}
        />
      )}
    </div>
  );
}

function show(u: uPlot, start: Date, end: Date): void {
  u.setScale("x", { min: start.getTime() / 1000, max: end.getTime() / 1000 });
}

/** Let the eye follow from one range to the next. */
function glide(u: uPlot, start: Date, end: Date): (() => void) | undefined {
  const from = { min: u.scales.x!.min ?? 0, max: u.scales.x!.max ?? 1 };
  const to = { min: start.getTime() / 1000, max: end.getTime() / 1000 };
  if (prefersStillness() || (from.min === to.min && from.max === to.max)) {
    show(u, start, end);
    return undefined;
  }
  const began = performance.now();
  let frame = 0;
  const step = (now: number): void => {
    const part = Math.min(1, Math.max(0, (now - began) / GLIDE_MS));
    const eased = 1 - (1 - part) ** 3;
    u.setScale("x", {
      min: from.min + (to.min - from.min) * eased,
      max: from.max + (to.max - from.max) * eased,
    });
    if (part < 1) frame = requestAnimationFrame(step);
  };
  frame = requestAnimationFrame(step);
  return () => cancelAnimationFrame(frame);
}

function chosen(u: uPlot, onRange: ChartProps["onRange"]): void {
  const { left, width } = u.select;
  if (width < 8) return;
  u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
  const at = (x: number): Date => new Date(u.posToVal(x, "x") * 1000);
  onRange(at(left), at(left + width));
}

/** Put the crosshair and its dots where the cursor is. */
function place(root: HTMLElement, u: uPlot | null, { points, earlier, cursor }: ChartProps): void {
  const [line, dot, other] = root.querySelectorAll<HTMLElement>("i") as unknown as HTMLElement[];
  if (!u || !line || !dot || !other) return;
  const point = cursor === null ? undefined : points[cursor];
  const before = point && earlier?.[nearest(earlier, point.time, "before")];
  line.hidden = dot.hidden = !point;
  other.hidden = !before;
  if (!point) return;
  dot.classList.toggle("is-debt", point.value < 0);
  const ratio = devicePixelRatio;
  const left = u.bbox.left / ratio;
  const top = u.bbox.top / ratio;
  const x = left + u.valToPos(point.time, "x");
  line.style.transform = `translate(${x}px, ${top}px)`;
  line.style.height = `${u.bbox.height / ratio}px`;
  dot.style.transform = `translate(${x}px, ${top + u.valToPos(point.value, "y")}px)`;
  if (before) other.style.transform = `translate(${x}px, ${top + u.valToPos(before.value, "y")}px)`;
}

function listen(root: HTMLElement, u: uPlot, newest: () => ChartProps): () => void {
  const over = u.over;
  let settled = 0;
  const point = (clientX: number): void => {
    const { points, onCursor, isStepped } = newest();
    const time = u.posToVal(clientX - over.getBoundingClientRect().left, "x");
    onCursor(points.length ? nearest(points, time, isStepped ? "before" : "either") : null);
  };
  const onMove = (event: PointerEvent): void => point(event.clientX);
  const onLeave = (event: PointerEvent): void => {
    if (event.pointerType === "mouse") newest().onCursor(null);
  };
  const onWheel = (event: WheelEvent): void => {
    const by = event.shiftKey ? event.deltaY || event.deltaX : event.deltaX;
    if (Math.abs(by) <= Math.abs(event.shiftKey ? 0 : event.deltaY)) return;
    event.preventDefault();
    const { min = 0, max = 1 } = u.scales.x as { min?: number; max?: number };
    const seconds = Math.min((by / over.clientWidth) * (max - min), Date.now() / 1000 - max);
    u.setScale("x", { min: min + seconds, max: max + seconds });
    clearTimeout(settled);
    settled = window.setTimeout(() => {
      const { min: from = 0, max: to = 1 } = u.scales.x as { min?: number; max?: number };
      newest().onRange(new Date(from * 1000), new Date(to * 1000));
    }, SETTLED_MS);
  };
  over.addEventListener("pointermove", onMove);
  over.addEventListener("pointerdown", onMove);
  over.addEventListener("pointerleave", onLeave);
  root.addEventListener("wheel", onWheel, { passive: false });
  return () => {
    clearTimeout(settled);
    root.removeEventListener("wheel", onWheel);
  };
}

/** Move the cursor, or the range, as a key asks. */
function moved(event: KeyboardEvent, { points, cursor, onCursor, onRange, start, end }: ChartProps): void {
  const last = points.length - 1;
  const at = cursor ?? last;
  const leap = Math.max(1, Math.round(last / 12));
  const to: Record<string, number | null> = {
    ArrowLeft: at - 1,
    ArrowDown: at - 1,
    ArrowRight: at + 1,
    ArrowUp: at + 1,
    PageUp: at - leap,
    PageDown: at + leap,
    Home: 0,
    End: last,
    Escape: null,
  };
  const wanted = to[event.key];
  if (wanted !== undefined) {
    event.preventDefault();
    onCursor(wanted === null ? null : Math.min(last, Math.max(0, wanted)));
  } else if (event.key === "+" || event.key === "-") {
    event.preventDefault();
    const middle = points[at]!.time * 1000;
    const reach = ((end.getTime() - start.getTime()) / 2) * (event.key === "+" ? 0.5 : 2);
    onRange(new Date(middle - reach), new Date(Math.min(middle + reach, Date.now())));
  }
}

/** The controls of a chart's range: presets, earlier and later, dates, and a comparison. */

import type { ComponentChildren, JSX } from "preact";
import { useState } from "preact/hooks";

import { Icon } from "../components/icon";
import { SegmentedControl } from "../components/segmented-control";
import { toIsoDate } from "../domain/calendar";
import { RANGE_PRESETS, adjacentRange, customRange, presetRange, type TimeRange } from "../domain/time-range";
import { RANGE_LABELS } from "../format/labels";
import { visibleRange, type Point } from "./points";

export interface RangeControlsProps {
  readonly range: TimeRange;
  readonly onRangeChange: (range: TimeRange) => void;
  readonly isComparing: boolean;
  readonly onCompareChange: (isComparing: boolean) => void;
  readonly points: readonly Point[];
  /** Controls of the page beside these. */
  readonly extraControls?: ComponentChildren;
}

export function RangeControls({
  range,
  onRangeChange,
  isComparing,
  onCompareChange,
  points,
  extraControls,
}: RangeControlsProps): JSX.Element {
  const [areDatesOpen, setAreDatesOpen] = useState(false);
  const visible = visibleRange(points, range);
  const today = toIsoDate(new Date());
  const isAll = range.preset === "ALL";
  const isNewest = range.end.getTime() >= Date.now() - 60_000;
  return (
    <div class="range-controls">
      <div class="range-row">
        <SegmentedControl
          label="Range"
          options={RANGE_PRESETS}
          value={range.preset}
          onChange={(preset) => onRangeChange(presetRange(preset))}
          descriptions={RANGE_LABELS}
        />
        <div class="range-buttons">
          <button
            type="button"
            class="ghost"
            aria-label="Earlier"
            disabled={isAll}
            onClick={() => onRangeChange(adjacentRange(range, -1))}
          >
            <Icon name="back" />
          </button>
          <button
            type="button"
            class="ghost"
            aria-label="Later"
            disabled={isAll || isNewest}
            onClick={() => onRangeChange(adjacentRange(range, 1))}
          >
            <Icon name="forward" />
          </button>
          <button
            type="button"
            class={range.preset === null ? "pill is-selected" : "pill"}
            aria-expanded={areDatesOpen}
            onClick={() => setAreDatesOpen(!areDatesOpen)}
          >
            Dates
          </button>
          <button
            type="button"
            class="pill"
            aria-pressed={isComparing}
            onClick={() => onCompareChange(!isComparing)}
          >
            Compare<span class="wide-only"> with a year earlier</span>
          </button>
          {extraControls}
        </div>
      </div>
      {areDatesOpen && (
        <form
          class="date-range"
          onSubmit={(event) => {
            event.preventDefault();
            const fields = new FormData(event.currentTarget);
            onRangeChange(customRange(String(fields.get("from")), String(fields.get("to"))));
          }}
        >
          <label>
            From <input type="date" name="from" required value={toIsoDate(visible.start)} max={today} />
          </label>
          <label>
            to <input type="date" name="to" required value={toIsoDate(visible.end)} max={today} />
          </label>
          <button type="submit" class="button is-small">
            Show
          </button>
        </form>
      )}
    </div>
  );
}

import type { JSX } from "preact";
import { useId } from "preact/hooks";

/** Radio buttons in one row. */
export function SegmentedControl<T extends string>({
  label,
  options,
  value,
  onChange,
  descriptions = {},
}: {
  label: string;
  options: readonly T[];
  value: T | null;
  onChange: (option: T) => void;
  descriptions?: Partial<Record<T, string>>;
}): JSX.Element {
  const name = useId();
  return (
    <fieldset class="segmented">
      <legend class="visually-hidden">{label}</legend>
      {options.map((option) => (
        <label key={option}>
          <input
            type="radio"
            name={name}
            value={option}
            checked={option === value}
            aria-label={descriptions[option]}
            onChange={() => onChange(option)}
          />
          <span aria-hidden={descriptions[option] ? "true" : undefined}>{option}</span>
        </label>
      ))}
    </fieldset>
  );
}

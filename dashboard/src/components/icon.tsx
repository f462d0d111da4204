import type { JSX } from "preact";

const ICON_PATHS = {
  overview: "M3 17h4v-4h4v-3h4V5h6",
  connections: "M9 15l6-6M10.5 6.5l1-1a4.2 4.2 0 0 1 6 6l-1 1M13.5 17.5l-1 1a4.2 4.2 0 0 1-6-6l1-1",
  import: "M12 4v10m-4-4 4 4 4-4M5 17v3h14v-3",
  settings: "M4 8h8m4 0h4M4 16h2m4 0h10M14 6v4M8 14v4",
  eye: "M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12ZM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5Z",
  eyeOff: "M4 4l16 16M9.9 5.8A9 9 0 0 1 12 5.5c6 0 9.5 6.5 9.5 6.5a17 17 0 0 1-3 3.7M6.2 7.4A17 17 0 0 0 2.5 12S6 18.5 12 18.5a9 9 0 0 0 4-.9",
  light: "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8ZM12 2.5v2m0 15v2M2.5 12h2m15 0h2M5.3 5.3l1.4 1.4m10.6 10.6 1.4 1.4m0-13.4-1.4 1.4M6.7 17.3l-1.4 1.4",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5Z",
  back: "M14.5 5.5 8 12l6.5 6.5",
  forward: "M9.5 5.5 16 12l-6.5 6.5",
  edit: "M5 19v-3.5L15.5 5 19 8.5 8.5 19ZM13.5 7l3.5 3.5",
  close: "M6 6l12 12M18 6 6 18",
  download: "M12 4v10m-4-4 4 4 4-4M5 19h14",
  refresh: "M19.5 9A8 8 0 0 0 5 8.5M4.5 4v4.5H9M4.5 15A8 8 0 0 0 19 15.5m.5 4.5v-4.5H15",
} as const;

export type IconName = keyof typeof ICON_PATHS;

export function Icon({ name }: { name: IconName }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={ICON_PATHS[name]} />
    </svg>
  );
}

export function Logo(): JSX.Element {
  return (
    <svg class="logo" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <rect width="32" height="32" rx="8" />
      <path d="M6 23h6v-5h6v-5h5V8h3" />
    </svg>
  );
}

/** The theme, whether amounts are hidden, and whether a time zone is proposed; kept in this browser alone. */

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const darkScheme = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>(read("theme", "system") as Theme);
export const areAmountsHidden = signal(read("private", "") === "1");
export const isZoneProposed = signal(read("zone", "") !== "kept");
/** Whether the dark colours apply; a canvas is drawn again when they change. */
export const isDark = signal(false);

export function prefersReducedMotion(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

effect(() => {
  write("private", areAmountsHidden.value ? "1" : "");
});

effect(() => {
  write("zone", isZoneProposed.value ? "" : "kept");
});

effect(() => {
  write("theme", theme.value);
  applyTheme();
});
darkScheme.addEventListener("change", applyTheme);

function applyTheme(): void {
  const applied = theme.peek() === "system" ? (darkScheme.matches ? "dark" : "light") : theme.peek();
  document.documentElement.dataset.theme = applied;
  document
    .querySelector('meta[name="theme-color"]')
    ?.setAttribute("content", applied === "dark" ? "#15181a" : "#fbfaf7");
  isDark.value = applied === "dark";
}

function read(name: string, fallback: string): string {
  try {
    return localStorage.getItem(`dashtam.${name}`) ?? fallback;
  } catch {
    return fallback;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`dashtam.${name}`, value);
  } catch {
    // Without storage the preference lasts until the page is left.
  }
}

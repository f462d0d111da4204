/** How the reader wants it: day or night, amounts shown or hidden. Kept in this browser only. */

import { effect, signal } from "@preact/signals";

export type Theme = "system" | "light" | "dark";

const night = matchMedia("(prefers-color-scheme: dark)");

export const theme = signal<Theme>(read("theme", "system") as Theme);
export const areAmountsHidden = signal(read("private", "") === "1");
/** Changes whenever colours do, for what is drawn rather than styled. */
export const isDark = signal(false);

export const locale = navigator.language;
export const timeZone = Intl.DateTimeFormat().resolvedOptions().timeZone;

export function prefersStillness(): boolean {
  return matchMedia("(prefers-reduced-motion: reduce)").matches;
}

effect(() => {
  write("private", areAmountsHidden.value ? "1" : "");
});

effect(() => {
  write("theme", theme.value);
  applyTheme();
});
night.addEventListener("change", applyTheme);

function applyTheme(): void {
  const wanted = theme.peek() === "system" ? (night.matches ? "dark" : "light") : theme.peek();
  document.documentElement.dataset.theme = wanted;
  document
    .querySelector('meta[name="theme-color"]')
    ?.setAttribute("content", wanted === "dark" ? "#15181a" : "#fbfaf7");
  isDark.value = wanted === "dark";
}

function read(name: string, otherwise: string): string {
  try {
    return localStorage.getItem(`dashtam.${name}`) ?? otherwise;
  } catch {
    return otherwise;
  }
}

function write(name: string, value: string): void {
  try {
    localStorage.setItem(`dashtam.${name}`, value);
  } catch {
    // A browser that keeps nothing still shows everything.
  }
}

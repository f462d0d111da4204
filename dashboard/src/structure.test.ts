import { existsSync, readFileSync, readdirSync } from "node:fs";
import { dirname, join, relative } from "node:path";

import ts from "typescript";
import { expect, test } from "vitest";

const ROOT = import.meta.dirname;

const done = new Set<string>();
const imports = new Map(
  readdirSync(ROOT, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.tsx?$/.test(name) && !name.endsWith(".d.ts"))
    .map((name) => [name, importedModules(name)]),
);

function importedModules(name: string): string[] {
  return ts
    .preProcessFile(readFileSync(join(ROOT, name), "utf8"))
    .importedFiles.filter(({ fileName }) => fileName.startsWith("."))
    .map(({ fileName }) => relative(ROOT, join(ROOT, dirname(name), fileName)))
    .flatMap((path) => [`${path}.ts`, `${path}.tsx`].filter((file) => existsSync(join(ROOT, file))));
}

function cycleFrom(name: string, path: readonly string[] = []): readonly string[] | undefined {
  if (path.includes(name)) return [...path.slice(path.indexOf(name)), name];
  if (done.has(name)) return undefined;
  for (const imported of imports.get(name) ?? []) {
    const cycle = cycleFrom(imported, [...path, name]);
    if (cycle) return cycle;
  }
  done.add(name);
  return undefined;
}

test("no module imports itself through others", () => {
  expect(imports.size).toBeGreaterThan(40);
  expect([...imports.keys()].map((name) => cycleFrom(name)).find(Boolean)).toBeUndefined();
});

test("dates, amounts and counts are formatted in format/ alone", () => {
  const formatting = [...imports.keys()].filter((name) =>
    /\bIntl\.|\btoLocale\w*\(/.test(readFileSync(join(ROOT, name), "utf8")),
  );
  expect(formatting.filter((name) => !name.startsWith("format/") && !name.endsWith(".test.ts"))).toEqual([]);
});

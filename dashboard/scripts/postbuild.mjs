// Runs after Vite: writes the licences, the service worker's list of files, and compressed copies.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import zopfli from "@gfx/zopfli";

const OUT = new URL("../../src/dashtam/presentation/web/dist/", import.meta.url).pathname;
const COMPRESSED = /\.(js|css|html|svg|webmanifest)$/;
const CODE = /\.(js|css|html)$/;
const LICENCES = "licences.txt";
// A page loads these only when its text has such letters, and the service worker caches none of them.
const ON_DEMAND = /latin-ext/;

function listFiles(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? listFiles(path) : [path];
  });
}

// The package ships these libraries, so it ships their licences.
const root = new URL("../", import.meta.url).pathname;
const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const licences = Object.keys(dependencies).map((name) => {
  const folder = join(root, "node_modules", name);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name}\n\n${readFileSync(join(folder, file), "utf8")}`;
});
writeFileSync(join(OUT, LICENCES), licences.join("\n\n"));

const built = listFiles(OUT).map((path) => relative(OUT, path)).sort();
const precached = built.filter((name) => !["index.html", LICENCES].includes(name) && !ON_DEMAND.test(name));
const digest = createHash("sha256");
for (const name of built) digest.update(name).update(readFileSync(join(OUT, name)));

const worker = readFileSync(new URL("sw.js", import.meta.url), "utf8")
  .replace("__VERSION__", digest.digest("hex").slice(0, 12))
  .replace("__FILES__", JSON.stringify(precached));
writeFileSync(join(OUT, "sw.js"), worker);

let codeBytes = 0;
for (const path of listFiles(OUT).filter((path) => COMPRESSED.test(path))) {
  // Zopfli takes longer than gzip for the same format, and saves bytes on every visit.
  const compressed = await zopfli.gzipAsync(readFileSync(path), { numiterations: 15 });
  writeFileSync(`${path}.gz`, compressed);
  if (CODE.test(path)) codeBytes += compressed.length;
}
console.log(`The dashboard's code weighs ${(codeBytes / 1000).toFixed(1)} kB compressed.`);

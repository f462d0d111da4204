// After Vite: licences, the service worker's list of files, compressed copies, and the weight.

import { createHash } from "node:crypto";
import { readFileSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";

import zopfli from "@gfx/zopfli";

const OUT = new URL("../../src/dashtam/presentation/web/dist/", import.meta.url).pathname;
const COMPRESSED = /\.(js|css|html|svg|webmanifest)$/;
const CODE = /\.(js|css|html)$/;
// Fetched when a page's text first needs it, not before.
const ON_DEMAND = /latin-ext/;

function files(folder) {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    return statSync(path).isDirectory() ? files(path) : [path];
  });
}

// What is carried in the package is carried with its licence.
const root = new URL("../", import.meta.url).pathname;
const { dependencies } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const licences = Object.keys(dependencies).map((name) => {
  const folder = join(root, "node_modules", name);
  const file = readdirSync(folder).find((entry) => /^licen[cs]e/i.test(entry));
  return `${name}\n\n${readFileSync(join(folder, file), "utf8")}`;
});
writeFileSync(join(OUT, "licences.txt"), licences.join("\n\n"));

const built = files(OUT).map((path) => relative(OUT, path)).sort();
const kept = built.filter((name) => !["index.html", "licences.txt"].includes(name) && !ON_DEMAND.test(name));
const digest = createHash("sha256");
for (const name of built) digest.update(name).update(readFileSync(join(OUT, name)));

const worker = readFileSync(new URL("sw.js", import.meta.url), "utf8")
  .replace("__VERSION__", digest.digest("hex").slice(0, 12))
  .replace("__FILES__", JSON.stringify(kept));
writeFileSync(join(OUT, "sw.js"), worker);

let weight = 0;
for (const path of files(OUT).filter((path) => COMPRESSED.test(path))) {
  // A better search for the same format: what is sent often is worth a second once.
  const packed = await zopfli.gzipAsync(readFileSync(path), { numiterations: 15 });
  writeFileSync(`${path}.gz`, packed);
  if (CODE.test(path)) weight += packed.length;
}
console.log(`The dashboard's code weighs ${(weight / 1000).toFixed(1)} kB compressed.`);

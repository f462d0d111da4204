// Caches the dashboard's own files for offline use, and no response of the API: those are the user's data.

const VERSION = "__VERSION__";
const FILES = __FILES__;
const PAGE_PATHS = /^(accounts\/[^/]+|connections|import|settings)?$/;

const root = new URL("./", self.location).pathname;
const cacheName = `dashtam-${VERSION}`;

self.addEventListener("install", (event) => {
  event.waitUntil(
    caches
      .open(cacheName)
      .then((cache) => cache.addAll([root, ...FILES.map((file) => root + file)]))
      .then(() => self.skipWaiting()),
  );
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    caches
      .keys()
      .then((names) => names.filter((name) => name.startsWith("dashtam-") && name !== cacheName))
      .then((old) => Promise.all(old.map((name) => caches.delete(name))))
      .then(() => self.clients.claim()),
  );
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  const path = url.pathname.slice(root.length);
  if (request.mode === "navigate" && PAGE_PATHS.test(path)) {
    event.respondWith(fetch(request).catch(() => caches.match(root)));
  } else if (FILES.includes(path)) {
    event.respondWith(caches.match(request).then((cached) => cached ?? fetch(request)));
  }
});

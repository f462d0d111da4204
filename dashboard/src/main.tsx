import { render } from "preact";

import { restoreSession } from "./api/session";
import { App } from "./app";
import { toUrl } from "./base-path";
import "./style/index.css";

render(<App />, document.getElementById("app")!);
void restoreSession();

if (import.meta.env.PROD && "serviceWorker" in navigator) {
  // Without a service worker the page works, but not offline.
  navigator.serviceWorker.register(toUrl("/sw.js")).catch(() => undefined);
}

import { render } from "preact";

import { restoreSession } from "./api/session";
import { App } from "./app";
import { toUrl } from "./base-path";
import "./style/index.css";

render(<App />, document.getElementById("app")!);
void restoreSession();

if (import.meta.env.PROD && "serviceWorker" in navigator) {
  // Without it the page works all the same, as long as there is a network.
  navigator.serviceWorker.register(toUrl("/sw.js")).catch(() => undefined);
}

import { render } from "preact";

import "./style/index.css";
import { App } from "./app";
import { addressOf } from "./base-path";
import { resume } from "./api/session";

render(<App />, document.getElementById("app")!);
void resume();

if (import.meta.env.PROD && "serviceWorker" in navigator) {
  // Without it the page works all the same, as long as there is a network.
  navigator.serviceWorker.register(addressOf("/sw.js")).catch(() => undefined);
}

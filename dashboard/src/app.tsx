/** The frame around every page. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { AccountPage } from "./pages/account";
import { Connections } from "./pages/connections";
import { ImportPage } from "./pages/import";
import { Overview } from "./pages/overview";
import { Settings } from "./pages/settings";
import { Setup } from "./pages/sign-in";
import { areAmountsHidden, isDark, theme } from "./preferences";
import { everythingChanged } from "./api/use-resource";
import { Link, path } from "./router";
import { obstacle, resume, standing } from "./api/session";
import { Failed, Heading, Icon, Mark, Waiting, type IconName } from "./components/ui";

const isOnline = signal(navigator.onLine);
addEventListener("online", () => {
  isOnline.value = true;
  if (standing.peek() === "unreachable") void resume();
  else if (standing.peek() === "signed-in") everythingChanged();
});
addEventListener("offline", () => (isOnline.value = false));

const PAGES: readonly { to: string; title: string; icon: IconName }[] = [
  { to: "/", title: "Overview", icon: "overview" },
  { to: "/connections", title: "Connections", icon: "connections" },
  { to: "/import", title: "Import", icon: "import" },
  { to: "/settings", title: "Settings", icon: "settings" },
];

export function App(): JSX.Element {
  switch (standing.value) {
    case "unknown":
      return (
        <main class="gate" id="main">
          <Waiting lines={3} label="Opening" />
        </main>
      );
    case "unreachable":
      return (
        <main class="gate" id="main">
          <div class="gate-card">
            <header>
              <Mark />
              <h1>{obstacle.value?.isOffline ? "Dashtam is out of reach" : "Dashtam is not well"}</h1>
            </header>
            <Failed failure={obstacle.value!} retry={() => void resume()} />
          </div>
        </main>
      );
    case "signed-out":
    case "ended":
      return <Setup />;
    case "signed-in":
      return <Inside />;
  }
}

function Inside(): JSX.Element {
  const here = path.value;
  useEffect(() => {
    // What follows a link begins at the new page's title, for eyes and screen readers alike.
    if (document.activeElement?.closest("main, nav")) {
      document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    }
  }, [here]);
  return (
    <div class="frame">
      <a class="skip" href="#main" onClick={skip}>
        Skip to the page
      </a>
      <header class="rail">
        <Link to="/" class="brand">
          <Mark />
          <span>Dashtam</span>
        </Link>
        <nav aria-label="Pages">
          {PAGES.map(({ to, title, icon }) => {
            const isHere = to === "/" ? here === "/" || here.startsWith("/accounts/") : here === to;
            return (
              <Link key={to} to={to} class={isHere ? "is-here" : undefined} aria-current={here === to ? "page" : undefined}>
                <Icon name={icon} />
                <span>{title}</span>
              </Link>
            );
          })}
        </nav>
        <Switches />
      </header>
      <main id="main" tabIndex={-1} key={here}>
        {!isOnline.value && (
          <div class="notice is-warn" role="status">
            <div>
              <strong>You are offline.</strong>
              <p>What was loaded before stays here. The rest follows when the network is back.</p>
            </div>
          </div>
        )}
        <Page here={here} />
      </main>
    </div>
  );
}

function Page({ here }: { here: string }): JSX.Element {
  const account = /^\/accounts\/([^/]+)$/.exec(here)?.[1];
  if (account) return <AccountPage id={account} />;
  switch (here) {
    case "/":
      return <Overview />;
    case "/connections":
      return <Connections />;
    case "/import":
      return <ImportPage />;
    case "/settings":
      return <Settings />;
    default:
      return (
        <>
          <Heading title="Nothing is here" />
          <p>
            This page does not exist. <Link to="/">Go to the overview</Link>
          </p>
        </>
      );
  }
}

function Switches(): JSX.Element {
  const hidden = areAmountsHidden.value;
  const dark = isDark.value;
  return (
    <div class="switches">
      <button
        type="button"
        class="ghost"
        aria-pressed={hidden}
        aria-label="Hide amounts"
        title={hidden ? "Show amounts" : "Hide amounts"}
        onClick={() => (areAmountsHidden.value = !hidden)}
      >
        <Icon name={hidden ? "unseen" : "seen"} />
      </button>
      <button
        type="button"
        class="ghost"
        aria-label={dark ? "Use the light theme" : "Use the dark theme"}
        title={dark ? "Light theme" : "Dark theme"}
        onClick={() => (theme.value = dark ? "light" : "dark")}
      >
        <Icon name={dark ? "light" : "dark"} />
      </button>
    </div>
  );
}

function skip(event: MouseEvent): void {
  // The base address would make a plain fragment leave the page.
  event.preventDefault();
  document.getElementById("main")?.focus();
}

/** The application: its navigation, and the page of the current path. */

import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";

import { restoreSession, sessionError, sessionState } from "./api/session";
import { invalidateAll } from "./api/use-resource";
import { ErrorNotice } from "./components/error-notice";
import { Icon, Logo, type IconName } from "./components/icon";
import { PageHeading } from "./components/page-heading";
import { Skeleton } from "./components/resource-status";
import { AccountPage } from "./pages/account";
import { AuthorizationReturnPage } from "./pages/authorization-return";
import { ConnectionsPage } from "./pages/connections";
import { ImportPage } from "./pages/import";
import { OverviewPage } from "./pages/overview";
import { RevisionsPage } from "./pages/revisions";
import { SettingsPage } from "./pages/settings";
import { SignInPage } from "./pages/sign-in";
import { areAmountsHidden, isDark, theme } from "./preferences";
import { Link, path } from "./router";

const isOnline = signal(navigator.onLine);
addEventListener("online", () => {
  isOnline.value = true;
  if (sessionState.peek() === "unreachable") void restoreSession();
  else if (sessionState.peek() === "signed-in") invalidateAll();
});
addEventListener("offline", () => (isOnline.value = false));

const NAVIGATION: readonly { to: string; title: string; icon: IconName }[] = [
  { to: "/", title: "Overview", icon: "overview" },
  { to: "/connections", title: "Connections", icon: "connections" },
  { to: "/import", title: "Import", icon: "import" },
  { to: "/settings", title: "Settings", icon: "settings" },
];

export function App(): JSX.Element {
  switch (sessionState.value) {
    case "unknown":
      return (
        <main class="centered" id="main">
          <Skeleton lines={3} label="Opening" />
        </main>
      );
    case "unreachable":
      return (
        <main class="centered" id="main">
          <div class="centered-card">
            <header>
              <Logo />
              <h1>{sessionError.value?.isUnreachable ? "Dashtam is out of reach" : "Dashtam is not well"}</h1>
            </header>
            <ErrorNotice error={sessionError.value} retry={() => void restoreSession()} />
          </div>
        </main>
      );
    case "signed-out":
    case "expired":
      return <SignInPage />;
    case "signed-in":
      return <SignedInApp />;
  }
}

function SignedInApp(): JSX.Element {
  const currentPath = path.value;
  useEffect(() => {
    // After a link the focus moves to the new page's title, where screen readers go on.
    if (document.activeElement?.closest("main, nav")) {
      document.querySelector<HTMLElement>("h1")?.focus({ preventScroll: true });
    }
  }, [currentPath]);
  return (
    <div class="layout">
      <a class="skip-link" href="#main" onClick={skipToMain}>
        Skip to the page
      </a>
      <header class="sidebar">
        <Link to="/" class="brand">
          <Logo />
          <span>Dashtam</span>
        </Link>
        <nav aria-label="Pages">
          {NAVIGATION.map(({ to, title, icon }) => {
            const isCurrent = currentPath === to || (to === "/" && currentPath.startsWith("/accounts/"));
            return (
              <Link
                key={to}
                to={to}
                class={isCurrent ? "is-current" : undefined}
                aria-current={currentPath === to ? "page" : undefined}
              >
                <Icon name={icon} />
                <span>{title}</span>
              </Link>
            );
          })}
        </nav>
        <PreferenceButtons />
      </header>
      <main id="main" tabIndex={-1} key={currentPath}>
        {!isOnline.value && (
          <div class="notice is-warn" role="status">
            <div>
              <strong>You are offline.</strong>
              <p>Loaded data stays here. The rest follows when the network is back.</p>
            </div>
          </div>
        )}
        <CurrentPage currentPath={currentPath} />
      </main>
    </div>
  );
}

function CurrentPage({ currentPath }: { currentPath: string }): JSX.Element {
  const [, account, part] = /^\/accounts\/([\da-f-]{36})(\/revisions)?$/i.exec(currentPath) ?? [];
  if (account) return part ? <RevisionsPage id={account} /> : <AccountPage id={account} />;
  switch (currentPath) {
    case "/":
      return <OverviewPage />;
    case "/connections/return":
      return <AuthorizationReturnPage />;
    case "/connections":
      return <ConnectionsPage />;
    case "/import":
      return <ImportPage />;
    case "/settings":
      return <SettingsPage />;
    default:
      return (
        <>
          <PageHeading title="Nothing is here" />
          <p>
            This page does not exist. <Link to="/">Go to the overview</Link>
          </p>
        </>
      );
  }
}

function PreferenceButtons(): JSX.Element {
  const isHidden = areAmountsHidden.value;
  const isDarkTheme = isDark.value;
  return (
    <div class="preferences">
      <button
        type="button"
        class="ghost"
        aria-pressed={isHidden}
        aria-label="Hide amounts"
        title={isHidden ? "Show amounts" : "Hide amounts"}
        onClick={() => (areAmountsHidden.value = !isHidden)}
      >
        <Icon name={isHidden ? "eyeOff" : "eye"} />
      </button>
      <button
        type="button"
        class="ghost"
        aria-label={isDarkTheme ? "Use the light theme" : "Use the dark theme"}
        title={isDarkTheme ? "Light theme" : "Dark theme"}
        onClick={() => (theme.value = isDarkTheme ? "light" : "dark")}
      >
        <Icon name={isDarkTheme ? "light" : "dark"} />
      </button>
    </div>
  );
}

function skipToMain(event: MouseEvent): void {
  // A fragment resolves against the base URL, and would leave this page.
  event.preventDefault();
  document.getElementById("main")?.focus();
}

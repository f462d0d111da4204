/** Before anybody is signed in: the first user, and everyone who comes back. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { RequestError, send, toRequestError } from "../api/http";
import { sessionState, signIn } from "../api/session";
import type { Schemas } from "../api/types";
import { ErrorNotice, Field, Logo, Skeleton, fieldError } from "../components/ui";
import { navigate } from "../router";

type RegistrationState = Schemas["RegistrationState"];

export function SignInPage(): JSX.Element {
  const [registration, setRegistration] = useState<RegistrationState | null>(null);
  const [error, setError] = useState<RequestError>();
  const [wantsToRegister, setWantsToRegister] = useState<boolean | null>(null);
  const load = (): void => {
    setError(undefined);
    send("GET", "/api/v1/registration")
      .then((response) => response.json())
      .then(setRegistration, (caught: unknown) => setError(toRequestError(caught)));
  };
  useEffect(load, []);
  useEffect(() => {
    const retryOnline = (): void => (error?.isUnreachable ? load() : undefined);
    addEventListener("online", retryOnline);
    return () => removeEventListener("online", retryOnline);
  }, [error]);

  const isRegistering = wantsToRegister ?? (registration !== null && !registration.has_users);
  useEffect(() => {
    document.title = isRegistering ? "Welcome · Dashtam" : "Sign in · Dashtam";
  }, [isRegistering]);
  return (
    <main class="gate" id="main">
      <div class="gate-card">
        <header>
          <Logo />
          <h1>{isRegistering ? (registration?.has_users ? "Register" : "Welcome to Dashtam") : "Sign in"}</h1>
          <p class="quiet">
            {isRegistering && !registration?.has_users
              ? "It records your balances and shows their history to the cent. You are the first one here: choose how you will sign in."
              : sessionState.value === "expired"
                ? "You were signed out. Sign in again to go on."
                : "Your balances and their history, on your own server."}
          </p>
        </header>
        {error && <ErrorNotice error={error} retry={load} />}
        {!registration && !error && <Skeleton lines={3} />}
        {registration && (isRegistering ? <RegisterForm registration={registration} /> : <SignInForm />)}
        {registration?.is_open && registration.has_users && (
          <button type="button" class="ghost has-word" onClick={() => setWantsToRegister(!isRegistering)}>
            {isRegistering ? "Sign in instead" : "Register instead"}
          </button>
        )}
      </div>
    </main>
  );
}

function RegisterForm({ registration }: { registration: RegistrationState }): JSX.Element {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (form: FormData): Promise<void> => {
    const email = String(form.get("email")).trim();
    const password = String(form.get("password"));
    const setupCode = form.get("setup_code");
    setIsBusy(true);
    setError(undefined);
    try {
      await send("POST", "/api/v1/users", {
        body: { email, password, ...(setupCode === null ? {} : { setup_code: String(setupCode).trim() }) },
      });
      navigate("/", { replace: true });
      await signIn(email, password);
    } catch (caught) {
      setError(toRequestError(caught));
      setIsBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit(new FormData(event.currentTarget));
      }}
    >
      <Field label="E-mail" error={fieldError(error, "/email")}>
        {(ids) => <input {...ids} type="email" name="email" autoComplete="username" required autoFocus />}
      </Field>
      <Field
        label="Password"
        hint="12 characters or more; a few unrelated words do well."
        error={fieldError(error, "/password")}
      >
        {(ids) => (
          <input {...ids} type="password" name="password" autoComplete="new-password" minLength={12} maxLength={256} required />
        )}
      </Field>
      {registration.needs_setup_code && (
        <Field label="Setup code" hint="The server printed it when it started.">
          {(ids) => <input {...ids} name="setup_code" autoComplete="off" required />}
        </Field>
      )}
      {error && !error.problem?.errors?.length && <ErrorNotice error={error} />}
      <button type="submit" class="button is-primary is-wide" disabled={isBusy}>
        {isBusy ? "One moment …" : "Begin"}
      </button>
    </form>
  );
}

function SignInForm(): JSX.Element {
  const [error, setError] = useState<RequestError>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    setError(undefined);
    try {
      await signIn(String(form.get("email")).trim(), String(form.get("password")));
    } catch (caught) {
      const requestError = toRequestError(caught);
      setError(
        requestError.status === 401 ? new RequestError(401, "The e-mail or the password is not right.") : requestError,
      );
      setIsBusy(false);
    }
  };
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        void submit(new FormData(event.currentTarget));
      }}
    >
      <Field label="E-mail">
        {(ids) => <input {...ids} type="email" name="email" autoComplete="username" required autoFocus />}
      </Field>
      <Field label="Password">
        {(ids) => <input {...ids} type="password" name="password" autoComplete="current-password" required />}
      </Field>
      {error && <ErrorNotice error={error} />}
      <button type="submit" class="button is-primary is-wide" disabled={isBusy}>
        {isBusy ? "One moment …" : "Sign in"}
      </button>
      <p class="hint">
        Forgotten? On the server, <code>dashtam users reset-password</code> sets another one.
      </p>
    </form>
  );
}

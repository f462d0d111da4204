/** Before anybody is signed in: the first user, and everyone who comes back. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Failure, requestAsNobody, type Shapes } from "../api/client";
import { asFailure } from "../api/use-resource";
import { go } from "../router";
import { signIn, standing } from "../api/session";
import { Failed, Field, Mark, Waiting, faultAt } from "../components/ui";

type Registering = Shapes["RegistrationState"];

export function Setup(): JSX.Element {
  const [state, setState] = useState<Registering | null>(null);
  const [failure, setFailure] = useState<Failure>();
  const [isNew, setIsNew] = useState<boolean | null>(null);
  const ask = (): void => {
    setFailure(undefined);
    requestAsNobody("GET", "/api/v1/registration")
      .then((answer) => answer.json())
      .then(setState, (trouble: unknown) => setFailure(asFailure(trouble)));
  };
  useEffect(ask, []);
  useEffect(() => {
    const again = (): void => (failure?.isOffline ? ask() : undefined);
    addEventListener("online", again);
    return () => removeEventListener("online", again);
  }, [failure]);

  const registers = isNew ?? (state !== null && !state.has_users);
  useEffect(() => {
    document.title = registers ? "Welcome · Dashtam" : "Sign in · Dashtam";
  }, [registers]);
  return (
    <main class="gate" id="main">
      <div class="gate-card">
        <header>
          <Mark />
          <h1>{registers ? (state?.has_users ? "Register" : "Welcome to Dashtam") : "Sign in"}</h1>
          <p class="quiet">
            {registers && !state?.has_users
              ? "It records your balances and shows their history to the cent. You are the first one here: choose how you will sign in."
              : standing.value === "ended"
                ? "You were signed out. Sign in again to go on."
                : "Your balances and their history, on your own server."}
          </p>
        </header>
        {failure && <Failed failure={failure} retry={ask} />}
        {!state && !failure && <Waiting lines={3} />}
        {state && (registers ? <Register state={state} /> : <SignIn />)}
        {state?.is_open && state.has_users && (
          <button type="button" class="ghost has-word" onClick={() => setIsNew(!registers)}>
            {registers ? "Sign in instead" : "Register instead"}
          </button>
        )}
      </div>
    </main>
  );
}

function Register({ state }: { state: Registering }): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (form: FormData): Promise<void> => {
    const email = String(form.get("email")).trim();
    const password = String(form.get("password"));
    const code = form.get("setup_code");
    setIsBusy(true);
    setFailure(undefined);
    try {
      await requestAsNobody("POST", "/api/v1/users", {
        email,
        password,
        ...(code === null ? {} : { setup_code: String(code).trim() }),
      });
      go("/", { replace: true });
      await signIn(email, password);
    } catch (trouble) {
      setFailure(asFailure(trouble));
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
      <Field label="E-mail" fault={faultAt(failure, "/email")}>
        {(ids) => <input {...ids} type="email" name="email" autoComplete="username" required autoFocus />}
      </Field>
      <Field
        label="Password"
        hint="12 characters or more; a few unrelated words do well."
        fault={faultAt(failure, "/password")}
      >
        {(ids) => (
          <input {...ids} type="password" name="password" autoComplete="new-password" minLength={12} maxLength={256} required />
        )}
      </Field>
      {state.needs_setup_code && (
        <Field label="Setup code" hint="The server printed it when it started.">
          {(ids) => <input {...ids} name="setup_code" autoComplete="off" required />}
        </Field>
      )}
      {failure && !failure.problem?.errors?.length && <Failed failure={failure} />}
      <button type="submit" class="button is-primary is-wide" disabled={isBusy}>
        {isBusy ? "One moment …" : "Begin"}
      </button>
    </form>
  );
}

function SignIn(): JSX.Element {
  const [failure, setFailure] = useState<Failure>();
  const [isBusy, setIsBusy] = useState(false);
  const submit = async (form: FormData): Promise<void> => {
    setIsBusy(true);
    setFailure(undefined);
    try {
      await signIn(String(form.get("email")).trim(), String(form.get("password")));
    } catch (trouble) {
      const failed = asFailure(trouble);
      setFailure(
        failed.status === 401 ? new Failure(401, "The e-mail or the password is not right.") : failed,
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
      {failure && <Failed failure={failure} />}
      <button type="submit" class="button is-primary is-wide" disabled={isBusy}>
        {isBusy ? "One moment …" : "Sign in"}
      </button>
      <p class="hint">
        Forgotten? On the server, <code>dashtam users reset-password</code> sets another one.
      </p>
    </form>
  );
}

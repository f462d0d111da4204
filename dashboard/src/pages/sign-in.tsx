/** Signing in and registering; the first visit of an installation registers its first user. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { RequestError, send } from "../api/http";
import { sessionState, signIn } from "../api/session";
import type { Schemas } from "../api/types";
import { useAction } from "../api/use-action";
import { ErrorNotice } from "../components/error-notice";
import { Field, Form } from "../components/form";
import { Logo } from "../components/icon";
import { Skeleton } from "../components/resource-status";
import { navigate } from "../router";

type RegistrationState = Schemas["RegistrationState"];

export function SignInPage(): JSX.Element {
  const [registration, setRegistration] = useState<RegistrationState>();
  const [wantsToRegister, setWantsToRegister] = useState<boolean>();
  const { error, run: load } = useAction(async () => {
    setRegistration((await (await send("GET", "/api/v1/registration")).json()) as RegistrationState);
  });
  useEffect(() => void load(), []);
  useEffect(() => {
    if (!error?.isUnreachable) return undefined;
    const retry = (): void => void load();
    addEventListener("online", retry);
    return () => removeEventListener("online", retry);
  }, [error]);

  const isRegistering = wantsToRegister ?? registration?.has_users === false;
  useEffect(() => {
    document.title = isRegistering ? "Welcome · Dashtam" : "Sign in · Dashtam";
  }, [isRegistering]);
  return (
    <main class="centered" id="main">
      <div class="centered-card">
        <header>
          <Logo />
          <h1>{isRegistering ? (registration?.has_users ? "Register" : "Welcome to Dashtam") : "Sign in"}</h1>
          <p class="muted">
            {isRegistering && !registration?.has_users
              ? "It records your balances and shows their history to the cent. You are the first one here: choose how you will sign in."
              : sessionState.value === "expired"
                ? "You were signed out. Sign in again to go on."
                : "Your balances and their history, on your own server."}
          </p>
        </header>
        <ErrorNotice error={error} retry={() => void load()} />
        {!registration && !error && <Skeleton lines={3} />}
        {registration && (isRegistering ? <RegisterForm registration={registration} /> : <SignInForm />)}
        {registration?.is_open && registration.has_users && (
          <button type="button" class="ghost has-label" onClick={() => setWantsToRegister(!isRegistering)}>
            {isRegistering ? "Sign in instead" : "Register instead"}
          </button>
        )}
      </div>
    </main>
  );
}

function RegisterForm({ registration }: { registration: RegistrationState }): JSX.Element {
  const register = async (fields: FormData): Promise<void> => {
    const { email, password } = credentialsIn(fields);
    const setupCode = fields.get("setup_code");
    const body = { email, password, ...(setupCode === null ? {} : { setup_code: String(setupCode).trim() }) };
    await send("POST", "/api/v1/users", { body });
    navigate("/", { replace: true });
    await signIn(email, password);
  };
  return (
    <Form onSubmit={register} actions={(isBusy) => <SubmitButton label="Begin" isBusy={isBusy} />}>
      {(errorOf) => (
        <>
          <EmailField error={errorOf("/email")} />
          <Field
            label="Password"
            hint="12 characters or more; a few unrelated words do well."
            error={errorOf("/password")}
          >
            {(ids) => (
              <input
                {...ids}
                type="password"
                name="password"
                autoComplete="new-password"
                minLength={12}
                maxLength={256}
                required
              />
            )}
          </Field>
          {registration.needs_setup_code && (
            <Field
              label="Setup code"
              hint="The server printed it when it started."
              error={errorOf("/setup_code")}
            >
              {(ids) => <input {...ids} name="setup_code" autoComplete="off" required />}
            </Field>
          )}
        </>
      )}
    </Form>
  );
}

function SignInForm(): JSX.Element {
  const submit = async (fields: FormData): Promise<void> => {
    const { email, password } = credentialsIn(fields);
    try {
      await signIn(email, password);
    } catch (error) {
      if (!(error instanceof RequestError) || error.status !== 401) throw error;
      throw new RequestError(401, "The e-mail or the password is not right.");
    }
  };
  return (
    <Form
      onSubmit={submit}
      actions={(isBusy) => (
        <>
          <SubmitButton label="Sign in" isBusy={isBusy} />
          <p class="hint">
            Forgotten? On the server, <code>dashtam users reset-password</code> sets another one.
          </p>
        </>
      )}
    >
      {() => (
        <>
          <EmailField />
          <Field label="Password">
            {(ids) => <input {...ids} type="password" name="password" autoComplete="current-password" required />}
          </Field>
        </>
      )}
    </Form>
  );
}

function credentialsIn(fields: FormData): { email: string; password: string } {
  return { email: String(fields.get("email")).trim(), password: String(fields.get("password")) };
}

function EmailField({ error }: { error?: string | undefined }): JSX.Element {
  return (
    <Field label="E-mail" error={error}>
      {(ids) => <input {...ids} type="email" name="email" autoComplete="username" required autoFocus />}
    </Field>
  );
}

function SubmitButton({ label, isBusy }: { label: string; isBusy: boolean }): JSX.Element {
  return (
    <button type="submit" class="button is-primary is-wide" disabled={isBusy}>
      {isBusy ? "One moment …" : label}
    </button>
  );
}

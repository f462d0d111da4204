/** Leaving: the session ends at the server, and nothing of the user stays on the page. */

import { remove } from "./client";
import { forgetIntakes } from "./import-queue";
import { forgetAnswers } from "./use-resource";
import { go } from "../router";
import { forget } from "./session";

export async function signOut(): Promise<void> {
  try {
    await remove("/api/v1/sessions/current");
  } finally {
    forgetAnswers();
    forgetIntakes();
    forget("signed-out");
    go("/", { replace: true });
  }
}

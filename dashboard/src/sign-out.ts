/** Leaving: the session ends at the server, and nothing of the user stays on the page. */

import { remove } from "./api";
import { forgetIntakes } from "./intake";
import { forgetAnswers } from "./resource";
import { go } from "./router";
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

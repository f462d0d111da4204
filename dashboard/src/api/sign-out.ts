/** Leaving: the session ends at the server, and nothing of the user stays on the page. */

import { navigate } from "../router";
import { remove } from "./client";
import { clearImportQueue } from "./import-queue";
import { endSession } from "./session";
import { clearCache } from "./use-resource";

export async function signOut(): Promise<void> {
  try {
    await remove("/api/v1/sessions/current");
  } finally {
    clearCache();
    clearImportQueue();
    endSession("signed-out");
    navigate("/", { replace: true });
  }
}

import { describe, expect, test } from "vitest";

import type { Connection, Sync } from "../api/types";
import { isRetractable, isTyped } from "./connections";

const NOON = "2026-01-02T12:00:00Z";

function connectionOf(provider: string, state: Connection["state"] = "active"): Connection {
  return { provider, state } as Connection;
}

function syncOf(source: Sync["source"], change: Partial<Sync> = {}): Sync {
  return { source, recorded: 1, started_at: NOON, finished_at: NOON, retracted_at: null, ...change } as Sync;
}

describe("a sync", () => {
  const live = { finished_at: "2026-01-02T12:00:00.412Z" };

  test.each([
    ["of files", syncOf("initial_connection"), connectionOf("ofx"), true],
    ["of files in pieces", syncOf("initial_connection", live), connectionOf("norma43"), true],
    ["of a typed balance", syncOf("manual_sync"), connectionOf("manual"), true],
    ["of a provider", syncOf("initial_connection", live), connectionOf("simplefin"), false],
    ["of a provider, on demand", syncOf("manual_sync", live), connectionOf("simplefin"), false],
    ["of files of a disconnected provider", syncOf("account_sync"), connectionOf("simplefin", "disconnected"), true],
    ["that runs", syncOf("manual_sync", { finished_at: null }), connectionOf("simplefin"), false],
    ["without balances", syncOf("account_sync", { recorded: 0 }), connectionOf("ofx"), false],
    ["that was retracted", syncOf("account_sync", { retracted_at: NOON }), connectionOf("ofx"), false],
  ])("%s can be retracted or not", (_name, sync, connection, expected) => {
    expect(isRetractable(sync, connection)).toBe(expected);
  });

  test.each([
    ["manual", "initial_connection", true],
    ["manual", "manual_sync", true],
    ["ofx", "manual_sync", true],
    ["ofx", "initial_connection", false],
    ["balance_csv", "account_sync", false],
  ] as const)("of %s with the source %s is typed: %s", (provider, source, expected) => {
    expect(isTyped(syncOf(source), connectionOf(provider))).toBe(expected);
  });
});

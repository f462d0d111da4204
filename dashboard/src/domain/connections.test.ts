import { describe, expect, test } from "vitest";

import type { Account, AccountResult, Connection, Sync } from "../api/types";
import { byInstitution, endsSoon, isRetractable, newestResults, remainingDetail, runKind } from "./connections";

const NOON = "2026-01-02T12:00:00Z";

function connectionOf(provider: string, state: Connection["state"] = "active"): Connection {
  return { provider, state } as Connection;
}

function syncOf(source: Sync["source"], change: Partial<Sync> = {}): Sync {
  const ended = { started_at: NOON, finished_at: NOON, retracted_at: null };
  return { source, recorded: 1, file_format: null, ...ended, ...change } as Sync;
}

describe("a sync", () => {
  const live = { finished_at: "2026-01-02T12:00:00.412Z" };

  test.each([
    ["of files", syncOf("initial_connection"), connectionOf("ofx"), true],
    ["of files in pieces", syncOf("initial_connection", live), connectionOf("norma43"), true],
    ["of a typed balance", syncOf("manual_sync"), connectionOf("manual"), true],
    ["of a provider", syncOf("initial_connection", live), connectionOf("simplefin"), false],
    ["of a provider, on demand", syncOf("manual_sync", live), connectionOf("simplefin"), false],
    ["of files of a disconnected provider", syncOf("account_sync", { file_format: "ofx" }), connectionOf("simplefin", "disconnected"), true],
    ["that runs", syncOf("manual_sync", { finished_at: null }), connectionOf("simplefin"), false],
    ["without balances", syncOf("account_sync", { recorded: 0 }), connectionOf("ofx"), false],
    ["that was retracted", syncOf("account_sync", { retracted_at: NOON }), connectionOf("ofx"), false],
  ])("%s can be retracted or not", (_name, sync, connection, expected) => {
    expect(isRetractable(sync, connection)).toBe(expected);
  });

  test.each([
    ["manual", "initial_connection", {}, "typed"],
    ["manual", "manual_sync", {}, "typed"],
    ["ofx", "manual_sync", {}, "typed"],
    ["ofx", "initial_connection", {}, "import"],
    ["balance_csv", "account_sync", { file_format: "balance_csv" }, "import"],
    ["simplefin", "manual_sync", live, "sync"],
    ["simplefin", "scheduled_sync", { finished_at: null }, "sync"],
    ["simplefin", "account_sync", { file_format: "ofx" }, "import"],
  ] as const)("of %s with the source %s and %o is called: %s", (provider, source, change, expected) => {
    expect(runKind(syncOf(source, change), connectionOf(provider))).toBe(expected);
  });
});

describe("the accounts of a connection", () => {
  const account = (id: string, institution: string, joined_accounts: string[] = []): Account =>
    ({ id, name: `Account ${id}`, institution, joined_accounts }) as unknown as Account;
  const result = (account_id: string, code: AccountResult["code"], sentence: string | null): AccountResult =>
    ({ account_id, code, detail: sentence && `Account ${account_id}: ${sentence}` }) as AccountResult;
  const accounts = [account("1", "Alder"), account("2", "Birch", ["9"]), account("3", "Birch")];
  const runs = [
    { accounts: [result("9", "sign_in_needed", "Sign in at Birch.")] },
    { accounts: [result("1", null, null), result("2", "held", "Too much."), result("3", "sign_in_needed", "Sign in at Birch.")] },
  ] as unknown as Sync[];
  const results = newestResults(accounts, runs);

  test("have their newest results, also under an id that was joined", () => {
    expect([...results.values()].map(({ code }) => code)).toEqual([null, "sign_in_needed", "sign_in_needed"]);
  });

  test("stand by institution, with its own words once", () => {
    expect(byInstitution(accounts, results).map(({ name, sentences }) => [name, sentences])).toEqual([
      ["Birch", ["Sign in at Birch."]],
      ["Alder", []],
    ]);
  });

  test("leave the rest of the detail to the connection", () => {
    const detail = "The consent ends. Sign in at Birch. Account 3: Sign in at Birch. And 2 more.";
    expect(remainingDetail({ detail }, accounts, [...results.values()])).toBe("The consent ends.");
    expect(remainingDetail({ detail: null }, accounts, [])).toBeNull();
  });
});

test("a consent warns two weeks before its end", () => {
  const now = Date.parse(NOON);
  const until = (expires_at: string | null): Connection => ({ expires_at }) as Connection;
  expect([null, "2026-01-17T12:00:00Z", "2026-01-16T11:00:00Z", "2025-12-31T00:00:00Z"].map((at) => endsSoon(until(at), now)))
    .toEqual([false, false, true, true]);
});

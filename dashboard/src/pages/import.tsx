/** Import: statement files are dropped, previewed, then imported. */

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

import { get } from "../api/client";
import type { RequestError } from "../api/http";
import {
  addFiles,
  importFile,
  previewAgain,
  queuedFiles,
  removeFile,
  type QueuedFile,
} from "../api/import-queue";
import { fetchAccounts } from "../api/queries";
import type { Account, Import } from "../api/types";
import { useResource } from "../api/use-resource";
import { Sparkline } from "../chart/sparkline";
import { Amount } from "../components/amount";
import { Badge } from "../components/badge";
import { ErrorNotice } from "../components/error-notice";
import { Field, Options } from "../components/form";
import { Icon } from "../components/icon";
import { PageHeading } from "../components/page-heading";
import { likelyPlaceOf } from "../domain/snapshot-time";
import { formatDate, secondsUntil } from "../format/dates";
import { ACCOUNT_TYPE_LABELS, fileFormatLabel } from "../format/labels";
import { formatCount, formatFileSize, formatNumber } from "../format/numbers";
import { areAmountsHidden } from "../preferences";
import { Link } from "../router";
import { ImportProfiles } from "./import-profiles";
import { MappingForm } from "./mapping-form";

const INITIAL_PROBLEMS = 5;

export function ImportPage(): JSX.Element {
  const formats = useResource("formats", (signal) => get("/api/v1/imports/formats", { signal }));
  const accounts = useResource("accounts", fetchAccounts);
  const queue = queuedFiles.value;
  const previewedFiles = queue.filter((queued) => queued.state === "previewed" && (queued.result?.recorded ?? 0) > 0);
  const importedFiles = queue.filter((queued) => queued.state === "imported");
  const importingFiles = queue.filter((queued) => queued.state === "importing");
  const startedCount = importedFiles.length + importingFiles.length;
  const extensions = formats.data?.formats.flatMap((format) => format.extensions).join(",");
  return (
    <>
      <PageHeading title="Import">
        <p class="muted">
          A preview comes before every import, and a wrong import can be retracted.
        </p>
      </PageHeading>
      <DropZone extensions={extensions} />
      {formats.data && queue.length === 0 && (
        <ul class="formats" aria-label="Supported formats">
          {formats.data.formats.map((format) => (
            <li key={format.slug}>
              <strong>{format.name}</strong>
              <span class="muted">{format.description}</span>
            </li>
          ))}
        </ul>
      )}
      {queue.map((queued) => (
        <FileCard key={queued.id} queued={queued} accounts={accounts.data ?? []} />
      ))}
      {(previewedFiles.length > 1 || importingFiles.length > 0) && (
        <div class="import-bar" role="status">
          {importingFiles.length > 0 ? (
            <>
              <progress value={importedFiles.length} max={startedCount} aria-label="Files recorded" />
              <span>
                {importedFiles.length} of {formatCount(startedCount, "file")} recorded
              </span>
            </>
          ) : (
            <button
              type="button"
              class="button is-primary"
              onClick={() => previewedFiles.forEach((queued) => importFile(queued.id))}
            >
              Import all {previewedFiles.length} files
            </button>
          )}
        </div>
      )}
      {importedFiles.length > 0 && importingFiles.length === 0 && (
        <p class="actions">
          <Link to="/" class="button">
            See the overview
          </Link>
          <Link to="/connections" class="ghost has-label">
            Every run, and how to retract one
          </Link>
        </p>
      )}
      <ImportProfiles />
    </>
  );
}

function DropZone({ extensions }: { extensions: string | undefined }): JSX.Element {
  const [isDraggedOver, setIsDraggedOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <div
      class={isDraggedOver ? "drop-zone is-dragged-over" : "drop-zone"}
      onDragOver={(event) => {
        event.preventDefault();
        setIsDraggedOver(true);
      }}
      onDragLeave={() => setIsDraggedOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setIsDraggedOver(false);
        addFiles(event.dataTransfer?.files ?? []);
      }}
    >
      <Icon name="import" />
      <p>
        <label class="button is-primary" for="files">
          Choose files
        </label>
        <input
          ref={input}
          id="files"
          class="visually-hidden"
          type="file"
          multiple
          accept={extensions && `${extensions},.zip`}
          onChange={() => {
            addFiles(Array.from(input.current?.files ?? []));
            if (input.current) input.current.value = "";
          }}
        />
        <span class="muted wide-only">or drop them here</span>
      </p>
      <p class="muted">
        OFX, QFX, MT940, camt.053, CSV, XLSX, XLS, ODS, CODA, Norma 43, CFONB 120, BAI2, QIF, or a ZIP of them, up to
        10 MiB each
      </p>
    </div>
  );
}

function FileCard({ queued, accounts }: { queued: QueuedFile; accounts: readonly Account[] }): JSX.Element {
  const { file, state, result, error } = queued;
  const [isMappingOpen, setIsMappingOpen] = useState(false);
  const proposal = error ? error.problem?.needs_mapping : result?.mapping;
  const needsMapping = Boolean(error && proposal);
  const isUndecided = result?.accounts.some((one) => one.sign_certainty === "open" || one.type_certainty === "open");
  const isBusy = state === "previewing" || state === "importing";
  return (
    <section class="card is-file" aria-label={file.name}>
      <header>
        <div>
          <h2 class="file-name">{file.name}</h2>
          <p class="muted" role="status">
            {statusText(queued)}
          </p>
        </div>
        {state === "imported" && <Badge tone="good">Imported</Badge>}
        {state === "previewed" && (
          <button
            type="button"
            class="button is-primary"
            disabled={result?.recorded === 0 || isUndecided}
            onClick={() => importFile(queued.id)}
          >
            Import
          </button>
        )}
        {!isBusy && (
          <button
            type="button"
            class="ghost"
            aria-label={`Remove ${file.name} from this list`}
            onClick={() => removeFile(queued.id)}
          >
            <Icon name="close" />
          </button>
        )}
      </header>
      {isBusy && <progress aria-label={`${file.name} is being read`} />}
      {error && (state === "rejected" || state === "failed") && (
        <>
          {!proposal && <ErrorNotice error={error} />}
          {!proposal && <ProblemList problems={fieldProblems(error)} />}
        </>
      )}
      {result && (state === "previewed" || state === "imported") && (
        <ImportResult
          result={result}
          onChoose={(key, choice) => {
            const chosen = (queued.mapping.accounts ?? {}) as Record<string, object>;
            const accountChoices = { ...chosen, [key]: { ...chosen[key], ...choice } };
            previewAgain(queued.id, { mapping: { ...queued.mapping, accounts: accountChoices } });
          }}
        />
      )}
      {proposal && !isBusy && state !== "imported" && (
        <>
          {!needsMapping && !isMappingOpen && (
            <button type="button" class="ghost has-label" onClick={() => setIsMappingOpen(true)}>
              Read the columns differently …
            </button>
          )}
          {(needsMapping || isMappingOpen) && (
            <MappingForm
              proposal={proposal}
              mapping={queued.mapping}
              accountId={queued.accountId}
              accounts={accounts}
              onApply={(mapping, accountId) => previewAgain(queued.id, { mapping, accountId })}
            />
          )}
        </>
      )}
    </section>
  );
}

type AccountChoice = { name?: string; institution?: string; type?: string; sign?: number };

function ImportResult({
  result,
  onChoose,
}: {
  result: Import;
  onChoose: (key: string, choice: AccountChoice) => void;
}): JSX.Element {
  return (
    <table class="data-table">
      <thead>
        <tr>
          <th scope="col">Account</th>
          <th scope="col" class="number">{result.dry_run ? "To record" : "Recorded"}</th>
          <th scope="col" class="number">Known</th>
          <th scope="col" class="number">Refused</th>
        </tr>
      </thead>
        {result.accounts.map((account) => (
          <tbody key={`${account.key}${account.currency}`}>
          <tr>
            <th scope="row" class="import-account">
              {account.account_id && !result.dry_run ? (
                <Link to={`/accounts/${account.account_id}`}>{account.name}</Link>
              ) : (
                account.name
              )}
              <span class="subtext">
                {[
                  account.institution,
                  account.key !== account.name && hasTwin(account, result.accounts) && account.key,
                  account.currency,
                  account.is_new && "new",
                ]
                  .filter(Boolean)
                  .join(" · ")}
              </span>
              <ProblemList problems={account.problems} />
              <ProblemList problems={account.remarks} isRemarks />
            </th>
            <td class="number">{formatNumber(account.recorded)}</td>
            <td class="number muted">{formatNumber(account.skipped)}</td>
            <td class={account.refused > 0 ? "number error" : "number muted"}>{formatNumber(account.refused)}</td>
          </tr>
          {account.preview && (
            <tr>
              <td colSpan={4}>
                <Preview account={account} onChoose={(choice) => onChoose(account.key, choice)} />
              </td>
            </tr>
          )}
          </tbody>
        ))}
    </table>
  );
}

type ImportedAccount = Import["accounts"][number];

function hasTwin({ key, name }: ImportedAccount, accounts: readonly ImportedAccount[]): boolean {
  return accounts.some((other) => other.key !== key && other.name === name);
}

/** Whether the file names the account by its number alone, which then stands above the fields. */
function isNumber({ key, name }: ImportedAccount): boolean {
  return key === name && /\d{5}/.test(name);
}

/** The line of the file, its extremes and last rows, and the choices for a new account. */
function Preview({
  account,
  onChoose,
}: {
  account: ImportedAccount;
  onChoose: (choice: AccountChoice) => void;
}): JSX.Element {
  const preview = account.preview!;
  const amount = (text: string): JSX.Element => <Amount text={text} currency={account.currency} />;
  const day = (on: string): string => formatDate(likelyPlaceOf(`${on}T12:00:00Z`));
  return (
    <div class="import-preview">
      <Sparkline points={preview.points.map(({ captured_at, balance }) => ({ at: captured_at, balance }))} />
      <p class="subtext">
        {preview.points.length === 1 ? (
          <>
            One balance, of {day(preview.last_on)}: <strong>{amount(preview.last)}</strong>
          </>
        ) : (
          <>
            {day(preview.first_on)} to {day(preview.last_on)}: {amount(preview.first)} to{" "}
            <strong>{amount(preview.last)}</strong>, between {amount(preview.lowest)} and {amount(preview.highest)}
          </>
        )}
      </p>
      {account.is_new && (
        <div class="fields">
          <Field label="Name" hint={isNumber(account) && "Without one it is called by its number."}>
            {(ids) => (
              <input
                {...ids}
                defaultValue={isNumber(account) ? "" : account.name}
                onChange={(event) => onChoose({ name: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label="Institution">
            {(ids) => (
              <input
                {...ids}
                defaultValue={account.institution}
                onChange={(event) => onChoose({ institution: event.currentTarget.value })}
              />
            )}
          </Field>
          <Field label="Type" hint={account.type_certainty === "open" && "It cannot be told: choose one"}>
            {(ids) => (
              <select
                {...ids}
                value={account.type_certainty === "open" ? "" : account.account_type}
                onChange={(event) => onChoose({ type: event.currentTarget.value })}
              >
                {account.type_certainty === "open" && <option value="">Choose …</option>}
                <Options of={Object.entries(ACCOUNT_TYPE_LABELS)} />
              </select>
            )}
          </Field>
          <Field label="Sign" hint={account.sign_certainty === "open" && "It cannot be told: choose one"}>
            {(ids) => (
              <select
                {...ids}
                value={account.sign_certainty === "open" ? "" : String(account.sign)}
                onChange={(event) => onChoose({ sign: Number(event.currentTarget.value) })}
              >
                {account.sign_certainty === "open" && <option value="">Choose …</option>}
                <option value="1">As in the file</option>
                <option value="-1">Debts are above zero in the file</option>
              </select>
            )}
          </Field>
        </div>
      )}
      {!areAmountsHidden.value && (
      <details>
        <summary>
          {preview.points.length === 1 ? "Its row in the file" : `The last ${formatCount(preview.latest.length, "balance")}`}
        </summary>
        <ul class="problems is-remarks">
          {preview.latest.map((reading) => (
            <li key={reading.captured_at}>
              {day(reading.captured_at.slice(0, 10))}: <strong>{amount(reading.balance)}</strong>
              {reading.row && (
                <code>
                  {" "}
                  line {reading.row.line}: {reading.row.text}
                </code>
              )}
            </li>
          ))}
        </ul>
      </details>
      )}
    </div>
  );
}

function ProblemList({
  problems,
  isRemarks = false,
}: {
  problems: readonly { line: number | null; detail: string }[];
  isRemarks?: boolean;
}): JSX.Element | null {
  const [isExpanded, setIsExpanded] = useState(false);
  if (problems.length === 0) return null;
  const visible = isExpanded ? problems : problems.slice(0, INITIAL_PROBLEMS);
  return (
    <ul class={isRemarks ? "problems is-remarks" : "problems"}>
      {visible.map((problem, index) => (
        <li key={index}>
          {problem.line !== null && <strong>Line {problem.line}: </strong>}
          {problem.detail}
        </li>
      ))}
      {problems.length > visible.length && (
        <li>
          <button type="button" class="ghost has-label" onClick={() => setIsExpanded(true)}>
            Show all {problems.length}
          </button>
        </li>
      )}
    </ul>
  );
}

function statusText({ state, result, file, retryAt }: QueuedFile): string {
  const balances = formatCount(result?.recorded ?? 0, "balance");
  if (retryAt) {
    return `The server takes a few files a minute: next one in ${secondsUntil(retryAt)} s`;
  }
  switch (state) {
    case "previewing":
      return "Reading …";
    case "importing":
      return "Recording …";
    case "rejected":
      return "Nothing can be recorded from this file as it is.";
    case "failed":
      return "Nothing was recorded.";
    case "previewed":
      return result!.recorded === 0
        ? "Everything in this file is known already."
        : `${fileFormatLabel(result!.format)}, ${formatFileSize(file.size)}: ${balances} to record`;
    case "imported":
      return `${balances} recorded`;
  }
}

/** Return the problems that the error's message does not mention. */
function fieldProblems(error: RequestError): { line: number | null; detail: string }[] {
  return (error.problem?.errors ?? [])
    .map((fieldError) => ({ line: lineNumber(fieldError.pointer), detail: fieldError.detail ?? "" }))
    .filter(({ line, detail }) => line !== null || detail !== error.message);
}

function lineNumber(pointer: string | null | undefined): number | null {
  const match = /line\/(\d+)/.exec(pointer ?? "");
  return match ? Number(match[1]) : null;
}

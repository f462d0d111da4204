/** Import: drop files, see what would be recorded, then record it. */

import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";

import { get, type Account, type Failure, type Import } from "../api/client";
import { drop, intakes, record, retry, take, type Intake, type Stage } from "../api/import-queue";
import { MappingForm } from "./mapping-form";
import { allAccounts } from "../api/queries";
import { useResource } from "../api/use-resource";
import { Link } from "../router";
import { Badge, Failed, Heading, Icon } from "../components/ui";
import { count, providerName } from "../format/labels";

const BUSY: readonly Stage[] = ["trying", "recording"];
const PROBLEMS_SHOWN = 5;

export function ImportPage(): JSX.Element {
  const formats = useResource("formats", (signal) => get("/api/v1/imports/formats", { signal }));
  const accounts = useResource("accounts", allAccounts);
  const files = intakes.value;
  const ready = files.filter((intake) => intake.stage === "tried" && (intake.outcome?.recorded ?? 0) > 0);
  const recorded = files.filter((intake) => intake.stage === "recorded");
  const recording = files.filter((intake) => intake.stage === "recording");
  const extensions = formats.data?.formats.flatMap((format) => format.extensions).join(",");
  return (
    <>
      <Heading title="Import">
        <p class="heading-what">
          Nothing is recorded before you have seen what would be, and a wrong import can be retracted.
        </p>
      </Heading>
      <Drop extensions={extensions} />
      {formats.data && files.length === 0 && (
        <ul class="formats" aria-label="What is understood">
          {formats.data.formats.map((format) => (
            <li key={format.slug}>
              <strong>{format.name}</strong>
              <span class="quiet">{format.description}</span>
            </li>
          ))}
        </ul>
      )}
      {files.map((intake) => (
        <FileCard key={intake.id} intake={intake} accounts={accounts.data ?? []} />
      ))}
      {(ready.length > 1 || recording.length > 0) && (
        <div class="bar" role="status">
          {recording.length > 0 ? (
            <>
              <progress value={recorded.length} max={recorded.length + recording.length} aria-label="Files recorded" />
              <span>
                {recorded.length} of {count(recorded.length + recording.length, "file")} recorded
              </span>
            </>
          ) : (
            <button
              type="button"
              class="button is-primary"
              onClick={() => ready.forEach((intake) => record(intake.id))}
            >
              Import all {ready.length} files
            </button>
          )}
        </div>
      )}
      {recorded.length > 0 && recording.length === 0 && (
        <p class="actions">
          <Link to="/" class="button">
            See the overview
          </Link>
          <Link to="/connections" class="ghost has-word">
            Every run, and how to retract one
          </Link>
        </p>
      )}
    </>
  );
}

function Drop({ extensions }: { extensions: string | undefined }): JSX.Element {
  const [isOver, setIsOver] = useState(false);
  const input = useRef<HTMLInputElement>(null);
  return (
    <div
      class={isOver ? "drop is-over" : "drop"}
      onDragOver={(event) => {
        event.preventDefault();
        setIsOver(true);
      }}
      onDragLeave={() => setIsOver(false)}
      onDrop={(event) => {
        event.preventDefault();
        setIsOver(false);
        take(event.dataTransfer?.files ?? []);
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
          class="unseen"
          type="file"
          multiple
          accept={extensions}
          onChange={() => {
            take(Array.from(input.current?.files ?? []));
            if (input.current) input.current.value = "";
          }}
        />
        <span class="quiet wide-only">or drop them here</span>
      </p>
      <p class="quiet">OFX, QFX, MT940, camt.053 or CSV, up to 10 MiB each</p>
    </div>
  );
}

function FileCard({ intake, accounts }: { intake: Intake; accounts: readonly Account[] }): JSX.Element {
  const { file, stage, outcome, failure } = intake;
  const [isMapping, setIsMapping] = useState(false);
  const needsMapping = failure?.problem?.errors?.some((fault) => fault.pointer?.startsWith("/mapping"));
  const isTable = /\.(csv|tsv|txt)$/i.test(file.name);
  return (
    <section class="card" aria-label={file.name}>
      <header>
        <div>
          <h2 class="file-name">{file.name}</h2>
          <p class="quiet" role="status">
            {told(intake)}
          </p>
        </div>
        {stage === "recorded" && <Badge tone="good">Imported</Badge>}
        {stage === "tried" && (
          <button
            type="button"
            class="button is-primary"
            disabled={outcome?.recorded === 0}
            onClick={() => record(intake.id)}
          >
            Import
          </button>
        )}
        {!BUSY.includes(stage) && (
          <button type="button" class="ghost" aria-label={`Remove ${file.name} from this list`} onClick={() => drop(intake.id)}>
            <Icon name="close" />
          </button>
        )}
      </header>
      {BUSY.includes(stage) && <progress aria-label={`${file.name} is being read`} />}
      {failure && (stage === "refused" || stage === "failed") && (
        <>
          <Failed failure={failure} />
          <Problems problems={reasons(failure)} />
        </>
      )}
      {outcome && (stage === "tried" || stage === "recorded") && <Outcome outcome={outcome} />}
      {isTable && !BUSY.includes(stage) && stage !== "recorded" && (
        <>
          {!needsMapping && !isMapping && (
            <button type="button" class="ghost has-word" onClick={() => setIsMapping(true)}>
              Read the columns differently …
            </button>
          )}
          {(needsMapping || isMapping) && (
            <MappingForm
              file={file}
              mapping={intake.mapping}
              accountId={intake.accountId}
              accounts={accounts}
              apply={(mapping, accountId) => retry(intake.id, { mapping, accountId })}
            />
          )}
        </>
      )}
    </section>
  );
}

function Outcome({ outcome }: { outcome: Import }): JSX.Element {
  return (
    <table class="figures">
      <thead>
        <tr>
          <th scope="col">Account</th>
          <th scope="col" class="number">
            {outcome.dry_run ? "To record" : "Recorded"}
          </th>
          <th scope="col" class="number">
            Known
          </th>
          <th scope="col" class="number">
            Refused
          </th>
        </tr>
      </thead>
      <tbody>
        {outcome.accounts.map((account) => (
          <tr key={`${account.account_id}${account.name}${account.currency}`}>
            <th scope="row">
              {account.account_id && !outcome.dry_run ? (
                <Link to={`/accounts/${account.account_id}`}>{account.name}</Link>
              ) : (
                account.name
              )}
              <span class="account-what">
                {account.currency}
                {account.is_new && " · new"}
              </span>
              <Problems problems={account.problems} />
            </th>
            <td class="number">{account.recorded.toLocaleString()}</td>
            <td class="number quiet">{account.skipped.toLocaleString()}</td>
            <td class={account.refused > 0 ? "number wrong" : "number quiet"}>{account.refused.toLocaleString()}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Problems({
  problems,
}: {
  problems: readonly { line: number | null; detail: string }[];
}): JSX.Element | null {
  const [isWhole, setIsWhole] = useState(false);
  if (problems.length === 0) return null;
  const shown = isWhole ? problems : problems.slice(0, PROBLEMS_SHOWN);
  return (
    <ul class="problems">
      {shown.map((problem, index) => (
        <li key={index}>
          {problem.line !== null && <strong>Line {problem.line}: </strong>}
          {problem.detail}
        </li>
      ))}
      {problems.length > shown.length && (
        <li>
          <button type="button" class="ghost has-word" onClick={() => setIsWhole(true)}>
            Show all {problems.length}
          </button>
        </li>
      )}
    </ul>
  );
}

function told({ stage, outcome, file, waitsUntil }: Intake): string {
  if (waitsUntil) {
    return `The server takes a few files a minute: next one in ${Math.max(1, Math.round((waitsUntil - Date.now()) / 1000))} s`;
  }
  switch (stage) {
    case "trying":
      return "Reading …";
    case "recording":
      return "Recording …";
    case "refused":
      return "Nothing can be recorded from this file as it is.";
    case "failed":
      return "Nothing was recorded.";
    case "tried":
      return outcome!.recorded === 0
        ? "Everything in this file is known already."
        : `${providerName(outcome!.format).replace(/ files$/, "")}, ${size(file.size)}: ${count(outcome!.recorded, "balance")} to record`;
    case "recorded":
      return `${count(outcome!.recorded, "balance")} recorded`;
  }
}

function size(bytes: number): string {
  return bytes < 1024 * 1024 ? `${Math.max(1, Math.round(bytes / 1024))} KiB` : `${(bytes / 1024 / 1024).toFixed(1)} MiB`;
}

/** What is wrong beyond what the failure itself says. */
function reasons(failure: Failure): { line: number | null; detail: string }[] {
  return (failure.problem?.errors ?? [])
    .map((fault) => ({ line: lineOf(fault.pointer), detail: fault.detail ?? "" }))
    .filter(({ line, detail }) => line !== null || detail !== failure.message);
}

function lineOf(pointer: string | null | undefined): number | null {
  const match = /line\/(\d+)/.exec(pointer ?? "");
  return match ? Number(match[1]) : null;
}

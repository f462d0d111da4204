/** The parts of a table's mapping: the open ones first, each with its choices. */

import type { JSX } from "preact";

import type { Mapping } from "../api/import-queue";
import type { Account, MappingPart, MappingProposal } from "../api/types";
import { areAmountsHidden } from "../preferences";
import { Field, Options } from "../components/form";
import { accountTitle } from "../format/labels";

const LABELS: Readonly<Record<string, string>> = {
  header_row: "Row of the header (0: none)",
  delimiter: "Sign between columns",
  encoding: "Encoding",
  date: "Column of the date",
  date_format: "How dates are written",
  balance: "Column of the balance",
  available: "Column of the available balance",
  account: "Column of the account",
  account_name: "One account for all rows",
  currency: "Column of the currency",
  currency_code: "One currency for all rows",
  time: "Column of the time",
  amount: "Column of amounts",
  debit: "Column of debits",
  credit: "Column of credits",
  decimal: "Sign before fractions",
  thousands: "Sign between thousands",
  institution: "Institution",
  sign: "Sign",
};
const SIGNS: Readonly<Record<string, string>> = {
  "1": "Debts are below zero in the file",
  "-1": "Debts are above zero in the file",
  "\t": "Tab",
  " ": "Space",
  "": "None",
};

export function MappingForm({
  proposal,
  mapping,
  accountId,
  accounts,
  onApply,
}: {
  proposal: MappingProposal;
  mapping: Mapping;
  accountId: string;
  accounts: readonly Account[];
  onApply: (mapping: Mapping, accountId: string) => void;
}): JSX.Element {
  const open = proposal.parts.filter((part) => part.certainty === "open");
  const others = proposal.parts.filter((part) => part.certainty !== "open");
  return (
    <form
      class="mapping"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const changed: Record<string, unknown> = { ...mapping };
        for (const { name, proposed, certainty } of proposal.parts) {
          const text = String(form.get(name) ?? "").trim();
          const value: unknown = text && isText(name) ? text : text ? JSON.parse(text) : null;
          if (value === null) delete changed[name];
          else if (value !== proposed || certainty === "open") changed[name] = value;
        }
        onApply(changed, String(form.get("account_id") ?? ""));
      }}
    >
      <h3>{open.length > 0 ? "Before this file can be read" : "How to read the columns"}</h3>
      {!areAmountsHidden.value && (
      <div class="file-preview" tabIndex={0} role="region" aria-label="The first rows of the file">
        <table>
          <tbody>
            {proposal.first_rows.map(({ line, cells }) => (
              <tr key={line}>
                <th scope="row">{line}</th>
                {cells.map((cell, index) => (
                  <td key={index}>{cell}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      )}
      <div class="fields">
        {open.map((part) => (
          <PartField key={part.name} part={part} columns={proposal.columns} />
        ))}
        <Field label="Record into" hint="For a file of one account">
          {(ids) => (
            <select {...ids} name="account_id" value={accountId}>
              <option value="">As named in the file</option>
              <Options of={accounts.map((account) => [account.id, accountTitle(account, accounts)])} />
            </select>
          )}
        </Field>
      </div>
      <details>
        <summary>All other parts, as recognised</summary>
        <div class="fields">
          {others.map((part) => (
            <PartField key={part.name} part={part} columns={proposal.columns} />
          ))}
        </div>
      </details>
      <p class="actions">
        <button type="submit" class="button">
          Read it like this
        </button>
      </p>
    </form>
  );
}

/** Return a question without the part that tells programs the key of its answer. */
function withoutKeys(question: string): string {
  return question.replace(/: a mapping must [^.]*\./g, ".");
}

function isText(name: string): boolean {
  return ["account_name", "currency_code", "institution"].includes(name);
}

function PartField({ part, columns }: { part: MappingPart; columns: readonly string[] }): JSX.Element {
  const { name, proposed, choices = [], question, certainty } = part;
  const label = LABELS[name] ?? name;
  // An open part has no answer yet.
  const isUnknown = proposed === null || certainty === "open";
  const value = isUnknown ? "" : isText(name) ? String(proposed) : JSON.stringify(proposed);
  const known = proposed === null ? choices : [proposed, ...choices];
  return (
    <Field label={label} hint={question && withoutKeys(question)}>
      {(ids) =>
        isText(name) ? (
          <input {...ids} name={name} defaultValue={value} autoComplete="off" />
        ) : (
          <select {...ids} name={name}>
            <option value="">{certainty === "open" ? "Choose …" : "As recognised"}</option>
            <Options
              of={known.map((choice) => [JSON.stringify(choice), choiceLabel(name, choice, columns)])}
              chosen={value}
            />
          </select>
        )
      }
    </Field>
  );
}

function choiceLabel(name: string, choice: string | number, columns: readonly string[]): string {
  if (isSign(name)) return SIGNS[choice] ?? String(choice);
  if (typeof choice === "number" && name !== "header_row") return `Column ${choice} ${columns[choice - 1] ?? ""}`;
  return String(choice);
}

function isSign(name: string): boolean {
  return ["sign", "delimiter", "thousands"].includes(name);
}

/** The meaning of a table's columns, where the file does not tell it. */

import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import type { Mapping } from "../api/import-queue";
import type { Account } from "../api/types";
import { Field, Options } from "../components/form";
import { HEAD_BYTES, decodeHead } from "../domain/encoding";

interface MappingField {
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  /** Whether its value is the name of a column. */
  readonly isColumn?: boolean;
  readonly options?: readonly (readonly [string, string])[];
}

const MAPPING_FIELDS: readonly MappingField[] = [
  { name: "date", label: "Column of the date", isColumn: true },
  { name: "date_format", label: "How dates are written", hint: "Like DD.MM.YYYY" },
  { name: "balance", label: "Column of the balance", isColumn: true },
  {
    name: "decimal",
    label: "Sign before fractions",
    options: [
      ["", "As recognised"],
      [".", "A point: 1.50"],
      [",", "A comma: 1,50"],
    ],
  },
  { name: "account", label: "Column of the account", isColumn: true },
  { name: "account_name", label: "or one account for all rows", hint: "Its name" },
  { name: "currency", label: "Column of the currency", isColumn: true },
  { name: "currency_code", label: "or one currency for all rows", hint: "Like EUR" },
];

export function MappingForm({
  file,
  mapping,
  accountId,
  accounts,
  onApply,
}: {
  file: File;
  mapping: Mapping;
  accountId: string;
  accounts: readonly Account[];
  onApply: (mapping: Mapping, accountId: string) => void;
}): JSX.Element {
  const [firstLines, setFirstLines] = useState<string>("");
  useEffect(() => {
    void file
      .slice(0, HEAD_BYTES)
      .arrayBuffer()
      .then((head) => setFirstLines(decodeHead(new Uint8Array(head)).split(/\r?\n/, 3).join("\n")));
  }, [file]);
  const datalistId = `columns-of-${file.lastModified}`;
  return (
    <form
      class="mapping"
      onSubmit={(event) => {
        event.preventDefault();
        const form = new FormData(event.currentTarget);
        const values = MAPPING_FIELDS.map(({ name }) => [name, String(form.get(name) ?? "").trim()]);
        onApply(Object.fromEntries(values) as Mapping, String(form.get("account_id") ?? ""));
      }}
    >
      <h3>How to read the columns</h3>
      {firstLines && (
        <pre class="file-preview" tabIndex={0} role="region" aria-label="The first lines of the file">
          {firstLines}
        </pre>
      )}
      <datalist id={datalistId}>
        {columnNames(firstLines).map((column) => (
          <option key={column} value={column} />
        ))}
      </datalist>
      <div class="fields">
        {MAPPING_FIELDS.map(({ name, label, hint, isColumn, options }) => (
          <Field key={name} label={label} hint={hint}>
            {(ids) =>
              options ? (
                <select {...ids} name={name} value={mapping[name] ?? ""}>
                  <Options of={options} />
                </select>
              ) : (
                <input
                  {...ids}
                  name={name}
                  value={mapping[name] ?? ""}
                  list={isColumn ? datalistId : undefined}
                  autoComplete="off"
                />
              )
            }
          </Field>
        ))}
        <Field label="Record into" hint="For a file of one account">
          {(ids) => (
            <select {...ids} name="account_id" value={accountId}>
              <option value="">As named in the file</option>
              <Options of={accounts.map((account) => [account.id, account.name])} />
            </select>
          )}
        </Field>
      </div>
      <p class="actions">
        <button type="submit" class="button">
          Read it like this
        </button>
      </p>
    </form>
  );
}

function columnNames(firstLines: string): string[] {
  const header = firstLines.split("\n")[0] ?? "";
  const delimiter = [";", "\t", "|", ","].find((character) => header.includes(character)) ?? ",";
  return [...new Set(header.split(delimiter).map((name) => name.trim().replace(/^"|"$/g, "")))].filter(Boolean);
}

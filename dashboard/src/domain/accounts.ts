/** Rules about accounts and their balances. */

import type { Account } from "../api/types";

const LIABILITY_TYPES: readonly Account["account_type"][] = ["credit_card", "line_of_credit", "loan", "mortgage"];

export function isLiability(account: Account): boolean {
  return LIABILITY_TYPES.includes(account.account_type);
}

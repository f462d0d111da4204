"""OFX documents: the statements, positions and securities in SGML (1.x) and XML (2.x) alike.

Real files leave out closing tags, blank lines and whole headers. So nothing here depends on
well-formed nesting: known aggregates start and end by name, none can be inside itself, and a value
belongs to the innermost known aggregate that has not ended.
"""

import html
import re
from dataclasses import dataclass, field

STATEMENTS = frozenset({"STMTRS", "CCSTMTRS", "LOANSTMTRS", "INVSTMTRS"})
POSITIONS = {
    "POSSTOCK": "stock",
    "POSMF": "mutual_fund",
    "POSDEBT": "bond",
    "POSOPT": "option",
    "POSOTHER": "other",
}
TRANSACTIONS = frozenset({"STMTTRN", "INCOME"})
_AGGREGATES = (
    STATEMENTS
    | POSITIONS.keys()
    | TRANSACTIONS
    | frozenset(
        "OFX SIGNONMSGSRSV1 SONRS STATUS FI BANKMSGSRSV1 CREDITCARDMSGSRSV1 INVSTMTMSGSRSV1"
        " STMTTRNRS CCSTMTTRNRS INVSTMTTRNRS BANKACCTFROM CCACCTFROM INVACCTFROM BANKACCTTO"
        " CCACCTTO BANKTRANLIST LEDGERBAL AVAILBAL BALLIST BAL INVTRANLIST INVBANKTRAN"
        " INVOOLIST INVPOSLIST INVPOS SECID CURRENCY ORIGCURRENCY INVBAL INV401K INV401KBAL"
        " SECLISTMSGSRSV1 SECLIST SECINFO MFINFO STOCKINFO DEBTINFO OPTINFO OTHERINFO"
        " LOANMSGSRSV1 LOANSTMTTRNRS LOANACCTFROM LOANTRANLIST LOANSTMTTRN PRINBAL"
        " INVACCTINFO".split()
    )
)
_OF_TRANSACTION = TRANSACTIONS | {"CURRENCY"}
_TRANSACTION_VALUES = frozenset(
    "DTTRADE DTPOSTED TOTAL TRNAMT TRNTYPE INCOMETYPE CURSYM FITID".split()
)
# Lists of securities and of accounts, beside the statements.
_ENTRIES = frozenset({"SECINFO", "INVACCTINFO"})
_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9._-]*)([^<>]*)>([^<]*)")
_START = re.compile(r"<OFX[\s>]", re.IGNORECASE)


@dataclass(slots=True)
class OfxHolding:
    """One position, as written: ``values`` by tag."""

    asset_type: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class OfxTransaction:
    """One payment or income of an investment account: the values of flows, as written, by tag."""

    kind: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class AccountStatement:
    """One account's statement, as written: the first value of each (aggregate, tag).

    ``part`` counts the sign-ons before it: programs put the answers of several banks in one file.
    """

    kind: str
    part: int = 0
    fields: dict[tuple[str, str], str] = field(default_factory=dict)
    aggregates: set[str] = field(default_factory=set)
    holdings: list[OfxHolding] = field(default_factory=list)
    transactions: list[OfxTransaction] = field(default_factory=list)

    def get(self, aggregate: str, tag: str) -> str:
        """Return the value, empty where there is none."""
        return self.fields.get((aggregate, tag), "")

    @property
    def account_number(self) -> str:
        """The account's number, empty where there is none."""
        for aggregate in ("BANKACCTFROM", "CCACCTFROM", "INVACCTFROM"):
            if number := self.get(aggregate, "ACCTID"):
                return number
        return self.get("LOANACCTFROM", "LOANACCTID")

    @property
    def is_card(self) -> bool:
        """Whether it is a credit card, which some banks put among the bank accounts."""
        return self.kind == "CCSTMTRS" or bool(self.get("CCACCTFROM", "ACCTID"))


@dataclass(slots=True)
class Status:
    """The bank's result of the sign-on, or of the request for one statement."""

    is_signon: bool
    values: dict[str, str] = field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        """Whether the bank refused the request."""
        failed = self.values.get("CODE", "0").lstrip("0") != ""
        return failed and self.values.get("SEVERITY", "").upper() == "ERROR"


@dataclass(slots=True)
class Document:
    """The content of an OFX file, in its order; securities by their id.

    Listed investment accounts are found by their part and number: two banks may use one number.
    """

    signons: list[dict[str, str]] = field(default_factory=list)
    statuses: list[Status] = field(default_factory=list)
    statements: list[AccountStatement] = field(default_factory=list)
    securities: dict[str, dict[str, str]] = field(default_factory=dict)
    investments: dict[tuple[int, str], dict[str, str]] = field(default_factory=dict)

    def find_signon(self, source: AccountStatement) -> dict[str, str]:
        """Return the values of the sign-on that the statement answers to, empty without any."""
        return self.signons[source.part] if self.signons else {}


def parse(text: str) -> Document:
    """Return the content of the document. It never fails: unknown parts are skipped."""
    elements = _ElementStack()
    start = _START.search(text)
    if start is None:
        return elements.document
    # By splitting, each character is looked at a fixed number of times: a pattern would look for
    # the end of every section that has none.
    first = start.start()
    if text.find("<![CDATA[", first) >= 0:
        text, first = text[first:], 0
        before, *sections = text.split("<![CDATA[")
        parts = [before]
        for section in sections:
            content, _, after = section.partition("]]>")
            parts += [html.escape(content, quote=False), after]
        text = "".join(parts)
    if text.find("<!--", first) >= 0:
        text, first = text[first:], 0
        before, *comments = text.split("<!--")
        # A comment without an end is text like any other.
        text = before + "".join(part.partition("-->")[2] or part for part in comments)
    # One by one: a list of all would take several times the memory of the file.
    for match in _TAG.finditer(text, first):
        slash, tag, rest, content = match.groups()
        name = tag.upper()
        # Some banks escape twice.
        value = html.unescape(html.unescape(content.strip())).strip()
        if slash:
            elements.end(name)
        elif name in _AGGREGATES:
            elements.start(name)
        elif value and not rest.endswith("/"):
            elements.add_value(name, value)
    return elements.document


class _ElementStack:
    """The known aggregates that have not ended, and the document so far."""

    def __init__(self) -> None:
        self.document = Document()
        self._open: list[str] = []
        self._statement: AccountStatement | None = None
        self._holding: OfxHolding | None = None
        self._transaction: OfxTransaction | None = None
        self._entry: dict[str, str] | None = None

    @property
    def _part(self) -> int:
        return max(len(self.document.signons) - 1, 0)

    def start(self, name: str) -> None:
        """Start an aggregate; one of its name that has not ended ends here."""
        self.end(name)
        self._open.append(name)
        if name == "SONRS":
            self.document.signons.append({})
        elif name in STATEMENTS:
            self._statement = AccountStatement(name, self._part)
            self.document.statements.append(self._statement)
        elif name == "STATUS":
            self.document.statuses.append(Status("SONRS" in self._open))
        elif name in _ENTRIES:
            self._entry = {}
        elif name in POSITIONS and self._statement is not None:
            self._holding = OfxHolding(POSITIONS[name])
            self._statement.holdings.append(self._holding)
        elif (
            name in TRANSACTIONS
            and self._statement is not None
            and self._statement.kind == "INVSTMTRS"
        ):
            # Those of a bank's account are not used, and would fill the memory.
            self._transaction = OfxTransaction(name)
            self._statement.transactions.append(self._transaction)
        if self._statement is not None:
            self._statement.aggregates.add(name)

    def end(self, name: str) -> None:
        """End an aggregate, and those inside it that have not ended."""
        if name not in self._open:
            return
        ended = ""
        while ended != name:
            ended = self._open.pop()
            if ended in STATEMENTS:
                self._statement = None
            elif ended in POSITIONS:
                self._holding = None
            elif ended in TRANSACTIONS:
                self._transaction = None
            elif ended in _ENTRIES:
                self._entry = None

    def add_value(self, name: str, value: str) -> None:
        """Add a value to the innermost aggregate; the first of a name counts."""
        inside = self._open[-1] if self._open else ""
        if self._holding is not None:
            self._holding.values.setdefault(name, value)
        elif self._transaction is not None and inside in _OF_TRANSACTION:
            if name in _TRANSACTION_VALUES:
                self._transaction.values.setdefault(name, value)
        elif self._entry is not None:
            self._entry.setdefault(name, value)
            if name == "UNIQUEID":
                self.document.securities.setdefault(value, self._entry)
            elif name == "ACCTID":
                self.document.investments.setdefault((self._part, value), self._entry)
        elif inside == "STATUS":
            self.document.statuses[-1].values.setdefault(name, value)
        elif self._statement is not None:
            self._statement.fields.setdefault((inside, name), value)
        elif "SONRS" in self._open:
            self.document.signons[-1].setdefault(name, value)

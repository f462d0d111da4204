"""OFX documents: the statements, positions and securities in SGML (1.x) and XML (2.x) alike.

Real files leave out closing tags, blank lines and whole headers. So nothing here depends on
well-formed nesting: known aggregates are opened and closed by name, none can be inside itself, and
a value belongs to the innermost known aggregate that is open.
"""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

STATEMENTS = frozenset({"STMTRS", "CCSTMTRS", "LOANSTMTRS", "INVSTMTRS"})
POSITIONS = {
    "POSSTOCK": "stock",
    "POSMF": "mutual_fund",
    "POSDEBT": "bond",
    "POSOPT": "option",
    "POSOTHER": "other",
}
_AGGREGATES = (
    STATEMENTS
    | POSITIONS.keys()
    | frozenset(
        "OFX SIGNONMSGSRSV1 SONRS STATUS FI BANKMSGSRSV1 CREDITCARDMSGSRSV1 INVSTMTMSGSRSV1"
        " STMTTRNRS CCSTMTTRNRS INVSTMTTRNRS BANKACCTFROM CCACCTFROM INVACCTFROM BANKACCTTO"
        " CCACCTTO BANKTRANLIST STMTTRN LEDGERBAL AVAILBAL BALLIST BAL INVTRANLIST INVBANKTRAN"
        " INVOOLIST INVPOSLIST INVPOS SECID CURRENCY ORIGCURRENCY INVBAL INV401K INV401KBAL"
        " SECLISTMSGSRSV1 SECLIST SECINFO MFINFO STOCKINFO DEBTINFO OPTINFO OTHERINFO"
        " LOANMSGSRSV1 LOANSTMTTRNRS LOANACCTFROM LOANTRANLIST LOANSTMTTRN PRINBAL"
        " INVACCTINFO".split()
    )
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
class AccountStatement:
    """One account's statement, as written: the first value of each (aggregate, tag)."""

    kind: str
    fields: dict[tuple[str, str], str] = field(default_factory=dict)
    aggregates: set[str] = field(default_factory=set)
    holdings: list[OfxHolding] = field(default_factory=list)

    def get(self, aggregate: str, tag: str) -> str:
        """Return the value, empty where there is none."""
        return self.fields.get((aggregate, tag), "")


@dataclass(slots=True)
class Status:
    """How the bank says a request went: its sign-on, or that of one statement."""

    is_signon: bool
    values: dict[str, str] = field(default_factory=dict)

    @property
    def is_error(self) -> bool:
        """Tell whether the bank refused."""
        failed = self.values.get("CODE", "0").lstrip("0") != ""
        return failed and self.values.get("SEVERITY", "").upper() == "ERROR"


@dataclass(slots=True)
class Document:
    """What an OFX file says, in its order; securities and listed accounts by their id."""

    signon: dict[str, str] = field(default_factory=dict)
    statuses: list[Status] = field(default_factory=list)
    statements: list[AccountStatement] = field(default_factory=list)
    securities: dict[str, dict[str, str]] = field(default_factory=dict)
    investments: dict[str, dict[str, str]] = field(default_factory=dict)


def parse(text: str) -> Document:
    """Return what the document says. It never fails: what is not understood is passed over."""
    walk = _ElementStack()
    for is_end, name, value in _tags(text):
        if is_end:
            walk.close(name)
        elif name in _AGGREGATES:
            walk.open(name)
        elif value:
            walk.value(name, value)
    return walk.document


class _ElementStack:
    """A walk over the tags: which known aggregates are open, and the document so far."""

    def __init__(self) -> None:
        self.document = Document()
        self._open: list[str] = []
        self._statement: AccountStatement | None = None
        self._holding: OfxHolding | None = None
        self._entry: dict[str, str] | None = None

    def open(self, name: str) -> None:
        """Open an aggregate; the one of its name that is still open ends here."""
        self.close(name)
        self._open.append(name)
        if name in STATEMENTS:
            self._statement = AccountStatement(name)
            self.document.statements.append(self._statement)
        elif name == "STATUS":
            self.document.statuses.append(Status("SONRS" in self._open))
        elif name in _ENTRIES:
            self._entry = {}
        elif name in POSITIONS and self._statement is not None:
            self._holding = OfxHolding(POSITIONS[name])
            self._statement.holdings.append(self._holding)
        if self._statement is not None:
            self._statement.aggregates.add(name)

    def close(self, name: str) -> None:
        """Close an aggregate, and what was left open inside it."""
        if name not in self._open:
            return
        closed = ""
        while closed != name:
            closed = self._open.pop()
            if closed in STATEMENTS:
                self._statement = None
            elif closed in POSITIONS:
                self._holding = None
            elif closed in _ENTRIES:
                self._entry = None

    def value(self, name: str, value: str) -> None:
        """Keep a value where it belongs; the first of a name counts."""
        inside = self._open[-1] if self._open else ""
        if self._holding is not None:
            self._holding.values.setdefault(name, value)
        elif self._entry is not None:
            self._enter(self._entry, name, value)
        elif inside == "STATUS":
            self.document.statuses[-1].values.setdefault(name, value)
        elif self._statement is not None:
            self._statement.fields.setdefault((inside, name), value)
        elif "SONRS" in self._open:
            self.document.signon.setdefault(name, value)

    def _enter(self, entry: dict[str, str], name: str, value: str) -> None:
        entry.setdefault(name, value)
        if name == "UNIQUEID":
            self.document.securities.setdefault(value, entry)
        elif name == "ACCTID":
            self.document.investments.setdefault(value, entry)


def _tags(text: str) -> Iterator[tuple[bool, str, str]]:
    start = _START.search(text)
    if start is None:
        return
    body = _without_comments(_without_cdata(text[start.start() :]))
    for slash, name, rest, value in _TAG.findall(body):
        is_empty = rest.endswith("/")
        yield bool(slash), name.upper(), "" if is_empty else _unescaped(value)


def _without_cdata(text: str) -> str:
    # By splitting, each character is looked at a fixed number of times: a pattern would look for
    # the end of every section that has none.
    before, *sections = text.split("<![CDATA[")
    parts = [before]
    for section in sections:
        content, _, after = section.partition("]]>")
        parts += [html.escape(content, quote=False), after]
    return "".join(parts) if sections else text


def _without_comments(text: str) -> str:
    before, *comments = text.split("<!--")
    # A comment without an end is read on as if it were none.
    return "".join([before, *(part.partition("-->")[2] or part for part in comments)])


def _unescaped(value: str) -> str:
    value = value.strip()
    if "&" not in value:
        return value
    # Some banks escape what is already escaped.
    return html.unescape(html.unescape(value)).strip()

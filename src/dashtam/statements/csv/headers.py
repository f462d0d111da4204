"""Headers of tables: the meaning of a column by its name, in the languages of most banks.

Names are compared in small letters without accents and punctuation. A rank tells how well a name
fits; 0 is no fit at all.
"""

# ruff: noqa: RUF001 - letters of other scripts in the names of columns

import re
import unicodedata
from collections.abc import Set as AbstractSet

BEST = 3
GOOD = 2
WEAK = 1

_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae"})
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_SCRIPT = re.compile(r"[\u3040-\u9fff]")


def normalize(name: str) -> str:
    """Return the name in small letters, without accents and punctuation."""
    spaced = _CAMEL.sub(" ", name.replace("\ufeff", ""))
    bare = unicodedata.normalize("NFKD", spaced.casefold().translate(_LETTERS))
    kept = "".join(
        letter if letter.isalnum() else " " for letter in bare if not unicodedata.combining(letter)
    )
    return " ".join(kept.split())


def _names(text: str) -> frozenset[str]:
    return frozenset(normalize(name) for name in text.split(","))


_BALANCE = _names(
    "balance,saldo,kontostand,solde,egyenleg,bakiye,bakiyesi,zustatek,остаток,баланс,endsaldo"
    ",zostatok,sold,saldos,bal"
)
_BALANCE_PHRASES = ("stan konta", "saldo", "余额", "餘額", "结余", "結餘", "残高", "差引残高")
_NOT_BALANCE = _names(
    "opening,start,starting,beginning,initial,previous,prior,before,anterior,inicial,iniziale"
    ",initiale,anfangssaldo,anfang,poczatkowe,pocatecni,begin,beginsaldo,входящий,начальный"
    ",average,minimum"
    ",limit,type,change,units,shares,points,date,as,avg,min,max,loan,original,status,id"
    ",before,voor,avant,vor,przed,до,onceki,antes,prima,pred,brought,b"
    ",reward,rewards,bonus,miles,mileage,cashback,loyalty,punkte,puntos,punti,punkty,unit,quantity"
    ",anteile,stuck,escrow,overdraft,hours,side,kennzeichen"
)
_NOT_BALANCE_PHRASES = ("期初", "上期", "冻结", "股份")
_AVAILABLE = _names(
    "available,verfugbar,verfugbarer,verfugbares,disponible,disponibile,disponivel,beschikbaar"
    ",dostepne,dostepny,dostepne srodki,dostupny,kullanilabilir,доступный,доступно"
)
_AVAILABLE_PHRASES = ("可用",)

_DATE = _names(
    "date,day,datum,fecha,data,дата,tarih,tarihi,dato,paiva,buchungstag,buchungsdatum,buchung"
    ",boekdatum,boekingsdatum,transactiedatum,dag,datuma,dzien,giorno,valutadatum,rentedatum"
    ",wertstellung,wertstellungsdatum,valuta,erteknap,umsatzdatum,belegdatum,dia"
)
_DATE_PHRASES = ("日期", "日付", "取引日", "年月日", "时间", "as of")
_BOOKING = _names(
    "booking,posting,posted,post,book,completed,comptable,ksiegowania,contabile,contabil,lancamento"
    ",zauctovani,buchungstag,buchungsdatum,buchung,boekdatum,boekingsdatum,as,of,balance,проводки"
)
_BOOKING_PHRASES = ("记账", "入账")
_VALUE = _names(
    "value,valuta,valutadatum,wertstellung,wertstellungsdatum,valeur,valor,valuty,waluty"
    ",valutazione"
    ",rentedatum,rente,ertek,erteknap,валютирования,start,started,from,created,initiated,since"
    ",valor"
    ",effective,due,expiry,birth,maturity,valoer,valör"
)
_VALUE_PHRASES = ("起息",)

_TIME = _names(
    "time,uhrzeit,zeit,tijd,heure,hora,ora,orario,godzina,cas,saat,время,klockslag,tid"
    ",transaction time"
    ",booking time,posting time,hora operacion"
)
_TIME_PHRASES = ("时间", "時間", "时刻")

_CURRENCY = _names(
    "currency,currency code,ccy,wahrung,waehrung,devise,monn,monnaie,moneda,divisa,moeda,valuta"
    ",waluta"
    ",mena,doviz,doviz cinsi,para birimi,валюта,munt,muntsoort,devizanem,curr,account currency"
    ",kontowahrung,balance currency,waluta rachunku,валюта счета"
)
_CURRENCY_PHRASES = ("货币", "币种", "币别", "通貨", "幣別")

# The first of these that a table has names its accounts.
_ACCOUNT = [
    normalize(name)
    for name in (
        "iban auftragskonto,auftragskonto,iban,iban bban,account iban,account number,account no"
        ",account id,account"
        ",kontonummer"
        ",konto,konto nr,numero de compte,n de compte,n compte,compte,numero de cuenta,cuenta,conto"
        ",numero conto,rekeningnummer,rekening,conta,numero da conta,rachunek,numer rachunku"
        ",nr rachunku,cislo uctu,ucet,hesap,hesap no,hesap numarasi,счет,номер счета,szamlaszam"
        ",账号,账户,账户号,卡号,帐号,口座番号,account name,accountname,kontoname,kontobezeichnung"
        ",nom du compte,nombre de la cuenta,szamla neve,nazwa rachunku,nazev uctu"
    ).split(",")
]
_ACCOUNT_WORDS = _names("product,produkt,produit,account,compte,konto,pot,portfolio,depot,wallet")

_AMOUNT = _names(
    "amount,betrag,bedrag,montant,importe,importo,kwota,castka,objem,tutar,сумма,mutatie,umsatz"
    ",osszege"
    ",osszeg,belopp,valor,transaction amount,net amount,movimiento,monto"
)
_AMOUNT_PHRASES = ("金额", "金額", "发生额", "cash flow")
_DEBIT = _names(
    "debit,debet,withdrawal,withdrawals,soll,cargo,cargos,debe,dare,uscite,obciazenia,paid out"
    ",debito"
    ",money out,borc,расход,lastschrift,ausgaben,vydaje,debits,withdrawal amount,debit amount"
)
_DEBIT_PHRASES = ("支出", "借方")
_CREDIT = _names(
    "credit,deposit,deposits,haben,abono,abonos,haber,avere,entrate,uznania,paid in,money in"
    ",credito"
    ",alacak,приход,gutschrift,einnahmen,prijmy,credits,deposit amount,credit amount"
)
_CREDIT_PHRASES = ("收入", "贷方", "存入")


def _has(name: str, words: AbstractSet[str], phrases: tuple[str, ...] = ()) -> bool:
    return not words.isdisjoint(name.split()) or any(phrase in name for phrase in phrases)


def rank_balance(name: str) -> int:
    """Return how well a normalized name fits a column of balances."""
    if _has(name, _NOT_BALANCE, _NOT_BALANCE_PHRASES) or rank_available(name):
        return 0
    if _has(name, _CURRENCY, _CURRENCY_PHRASES):
        return 0
    return GOOD if _has(name, _BALANCE, _BALANCE_PHRASES) else 0


def names_balance(name: str) -> bool:
    """Tell whether a normalized name has the word for a balance, whatever stands beside it."""
    return _has(name, _BALANCE, _BALANCE_PHRASES)


def rank_available(name: str) -> int:
    """Return how well a normalized name fits a column of available balances."""
    return GOOD if _has(name, _AVAILABLE, _AVAILABLE_PHRASES) and not _has(name, _NOT_DATE) else 0


def rank_date(name: str) -> int:
    """Return how well a normalized name fits a column of days: booking days fit best."""
    if not _has(name, _DATE, _DATE_PHRASES):
        return 0
    if _has(name, _VALUE, _VALUE_PHRASES):
        return WEAK
    if name in _DATE or name == "日期" or _has(name, _BOOKING, _BOOKING_PHRASES):
        return BEST
    return GOOD


_NOT_DATE = frozenset({"date", "datum", "currency"})


def rank_time(name: str) -> int:
    """Return how well a normalized name fits a column of times of day."""
    return GOOD if name in _TIME or any(phrase in name for phrase in _TIME_PHRASES) else 0


def rank_currency(name: str) -> int:
    """Return how well a normalized name fits a column of the balances' currency.

    The currency of an asset or of the original amount fits weakly.
    """
    if name in _CURRENCY or (len(name) <= len("账户币种") and _has(name, set(), _CURRENCY_PHRASES)):
        return BEST
    return WEAK if _has(name, _CURRENCY, _CURRENCY_PHRASES) else 0


def rank_account(name: str) -> int:
    """Return how well a normalized name fits a column of accounts, above 100 for a sure one."""
    if name in _ACCOUNT:
        return 200 - _ACCOUNT.index(name)
    return WEAK if _has(name, _ACCOUNT_WORDS) else 0


def rank_amount(name: str) -> int:
    """Return how well a normalized name fits a column of booked amounts."""
    if name in _AMOUNT:
        return BEST
    return GOOD if _has(name, _AMOUNT, _AMOUNT_PHRASES) else 0


def rank_debit(name: str) -> int:
    """Return how well a normalized name fits a column of withdrawals."""
    return GOOD if name in _DEBIT or any(phrase in name for phrase in _DEBIT_PHRASES) else 0


def rank_credit(name: str) -> int:
    """Return how well a normalized name fits a column of deposits."""
    return GOOD if name in _CREDIT or any(phrase in name for phrase in _CREDIT_PHRASES) else 0


def is_sure_account(rank: int) -> bool:
    """Whether a rank of ``rank_account`` is that of a column of accounts for sure."""
    return rank > GOOD

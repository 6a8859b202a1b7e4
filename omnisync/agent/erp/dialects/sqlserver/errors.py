"""The numbers of SQL Server's errors and of its driver's, and their words without documents and names."""

from __future__ import annotations

from re import compile as pattern

import pymssql

LOST = frozenset({20003, 20004, 20005, 20006, 20017, 20019, 20020, 20047, 233, 64, 6005, 10053, 10054, 10060})
BUSY = LOST | {601, 701, 802, 922, 923, 951, 976, 983, 1203, 1204, 1205, 1222, 3930, 3935, 3960, 3961, 3971, 3998}
BUSY |= {3902, 3903, 4221, 6401, 8628, 8645, 8651, 17142, 18401, 40143, 40197, 40501, 40613, 49918, 49919, 49920}
LOCK_TIMEOUT = 1222
FULL = frozenset({1101, 1105, 9002})
LOGIN = frozenset({4060, 4062, 4064, 18450, 18451, 18452, 18456, 18461, 18470, 18486, 18487, 18488, 20014})
PERMISSION = frozenset({229, 230, 262, 297, 300, 916, 1088, 2760, 3906, 3908, 15247})
UNREACHABLE = frozenset({20002, 20009, 20012, 20013, 911, 942, 17, 53})
DUPLICATE = frozenset({2601, 2627})
# What a record may be refused for; a trigger's own words come as 50000 and above, and 3609 where it had none.
REFUSED = DUPLICATE | {220, 232, 235, 241, 242, 244, 245, 248, 266, 295, 296, 512, 515, 547, 550, 2628, 3609, 3616}
REFUSED |= {8114, 8115, 8134, 8152, 8169, 9420}
OWN_WORDS = 50000
_OWN = "DB-Lib error message"
_OWN_NUMBER = pattern(rf"{_OWN} (\d+)")
_TABLE = pattern(r"'([^']+)'")


def number_and_text(error: BaseException) -> tuple[int, str]:
    """Return number and words of an error; -1 where it has no number. From 20000 to 20999 it is the driver's own."""
    told = error.args
    is_connecting = bool(told) and isinstance(told[0], tuple)
    if is_connecting:
        told = told[0]
    if not isinstance(error, pymssql.Error) or len(told) < 2 or not isinstance(told[0], int):
        return -1, str(error)
    number, words = told[0], told[1].decode("utf-8", "replace") if isinstance(told[1], bytes) else str(told[1])
    # While connecting the driver keeps the number of the gravest error any connection ever had; its words are new.
    own = _OWN_NUMBER.search(words)
    if is_connecting and own is not None and int(own.group(1)) in UNREACHABLE | LOST:
        number = int(own.group(1))
    return number, words.partition(_OWN)[0].strip()


def number_of(error: BaseException) -> int:
    """Return the number of an error; -1 where it has none."""
    return number_and_text(error)[0]


def table_named(motive: str) -> str:
    """Return the table a sentence names first: permission was denied on the object 'pedidos', database 'erp'."""
    found = _TABLE.search(motive)
    return found.group(1).removeprefix("dbo.") if found else ""


def without_values(number: int, motive: str) -> str:
    """Return the words without documents and names."""
    if number in DUPLICATE or number == 2628:  # "... in object 'dbo.t'. The duplicate key value is (x)."
        before = motive.partition("(" if number in DUPLICATE else ": '")[0]
        return before.rpartition(". ")[0] or before
    # "Conversion failed when converting the varchar value 'x' to data type int."
    return _TABLE.sub("'…'", motive) if number in (235, 244, 245, 248) else motive

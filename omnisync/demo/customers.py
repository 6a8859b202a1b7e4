"""Make, edit and mistype a customer of the sample. All chance comes in as `rng`."""

from __future__ import annotations

from random import Random
from typing import Literal
from unicodedata import normalize

from msgspec.structs import replace

from omnisync.contract.records import Address, Customer, Phone
from omnisync.demo import seed_data


def customer_id(number: int) -> str:
    """Return the id of the customer with this number."""
    return f"cus_{number:06d}"


def make_customer(number: int, rng: Random) -> Customer:
    """Return a new customer, its document valid and no other number's."""
    customer = _company(number, rng) if rng.randrange(100) < 72 else _person(number, rng)
    return replace(
        customer,
        seller_code=rng.choice(tuple(seed_data.SELLERS)),
        is_active=rng.randrange(50) > 0,
        notes=rng.choice(seed_data.CUSTOMER_NOTES) if rng.randrange(20) == 0 else None,
    )


def _company(number: int, rng: Random) -> Customer:
    city = rng.choice(seed_data.CITIES)
    trade_name = f"{rng.choice(seed_data.TRADES)} {rng.choice(seed_data.TRADE_NAMES)}"
    name = f"{trade_name} {rng.choice(seed_data.COMPANY_FORMS)}"
    luck = rng.randrange(100)
    if luck == 0:
        name = f"{trade_name} {seed_data.LONG_TAIL} Ltda"
    elif luck < 3:
        # A one-person firm's legal name ends with its owner's CPF: logs and pages must hide it even there.
        name = f"{_person_name(rng)} {cpf(number, rng.randrange(10))}"
    icms_kind: Literal["1", "2", "9"] = rng.choice(("1", "1", "1", "1", "1", "1", "1", "2", "9", "9"))
    return Customer(
        id=customer_id(number),
        person_kind="company",
        document_kind="cnpj",
        document=cnpj(number, rng),
        name=name,
        trade_name=trade_name if rng.randrange(4) else None,
        icms_kind=icms_kind,
        state_registration=_registration(city.state, rng) if icms_kind == "1" else None,
        state_registration_state=city.state if icms_kind == "1" else None,
        email=f"compras@{_slug(trade_name)}-{number}.example" if rng.randrange(10) else None,
        phones=_phones(city.area, rng),
        addresses=_addresses(city, rng),
        price_table_code="ATACADO",
        payment_terms_code=rng.choice(("28", "3060", "306090")),
    )


def _person(number: int, rng: Random) -> Customer:
    city = rng.choice(seed_data.CITIES)
    name = _person_name(rng)
    return Customer(
        id=customer_id(number),
        person_kind="person",
        document_kind="cpf",
        document=cpf(number, rng.randrange(10)),
        name=name,
        icms_kind="9",
        email=f"{_slug(name)}-{number}@correio.example" if rng.randrange(5) else None,
        phones=_phones(city.area, rng),
        addresses=_addresses(city, rng),
        price_table_code="VAREJO",
        payment_terms_code="PIX",
    )


def revise_customer(customer: Customer, rng: Random) -> Customer:
    """Return the customer as edited at OmniForce: always a telephone, sometimes more."""
    number = customer.id.rpartition("_")[2]
    area = customer.phones[0].number[:2] if customer.phones else "11"
    phones = (_mobile(area, rng), *customer.phones[1:])
    what = rng.randrange(4)
    if what == 0:
        return replace(customer, phones=phones, email=f"novo-{rng.randrange(10_000)}-{number}@correio.example")
    if what == 1:
        return replace(customer, phones=phones, addresses=_addresses(rng.choice(seed_data.CITIES), rng))
    if what == 2:
        return replace(customer, phones=phones, notes=rng.choice(seed_data.CUSTOMER_NOTES))
    return replace(customer, phones=phones, seller_code=rng.choice(tuple(seed_data.SELLERS)))


def break_customer(customer: Customer) -> Customer:
    """Return the customer with the last digit of its CNPJ or CPF mistyped."""
    document = customer.document or "0"
    return replace(customer, document=f"{document[:-1]}{(int(document[-1]) + 1) % 10}")


def cnpj(number: int, rng: Random) -> str:
    """Return a valid CNPJ, one in six with letters; no two numbers share one."""
    if rng.randrange(6):
        # Multiplying by a number without a common divisor walks every root once before any comes again.
        root = f"{(number * 48_271_987 + 20_305_071) % 10**8:08d}"
        branch = "0001" if rng.randrange(10) else f"{rng.randrange(2, 30):04d}"
    else:
        rest = (number * 999_999_999_989 + 7_305_071) % (26 * 36**7)
        root, branch = _lettered(rest), "0001" if rng.randrange(3) else rng.choice(("00A1", "01DE", "0B02"))
    return _with_check_digits(root + branch, highest_weight=9)


def cpf(number: int, region: int) -> str:
    """Return a valid CPF; no two numbers share one, whatever their region (its ninth digit)."""
    body = f"{(number * 48_271_987 + 11_305_071) % 10**8:08d}"
    if len(set(body)) == 1 and body[0] == str(region):
        region = (region + 1) % 10  # eleven equal digits add up, but no such CPF is ever given out
    return _with_check_digits(f"{body}{region}", highest_weight=11)


def _lettered(rest: int) -> str:
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    rest, first = divmod(rest, 26)
    root = alphabet[10 + first]
    for _ in range(7):
        rest, place = divmod(rest, 36)
        root += alphabet[place]
    return root


def _with_check_digits(body: str, highest_weight: int) -> str:
    for _ in range(2):
        weighted = sum((ord(c) - 48) * (2 + place % (highest_weight - 1)) for place, c in enumerate(reversed(body)))
        body += "0" if weighted % 11 < 2 else str(11 - weighted % 11)
    return body


def _person_name(rng: Random) -> str:
    return f"{rng.choice(seed_data.FIRST_NAMES)} {rng.choice(seed_data.SURNAMES)} {rng.choice(seed_data.SURNAMES)}"


def _slug(name: str) -> str:
    plain = normalize("NFD", name.lower()).encode("ascii", "ignore").decode()
    return "-".join("".join(c for c in word if c.isalnum()) for word in plain.split() if word.isascii() and word != "&")


def _digits(n: int, rng: Random) -> str:
    return f"{rng.randrange(10**n):0{n}d}"


def _registration(state: str, rng: Random) -> str:
    return _digits(seed_data.REGISTRATION_DIGITS.get(state, 9), rng)


def _mobile(area: str, rng: Random) -> Phone:
    return Phone(kind="mobile", number=f"{area}9{_digits(8, rng)}")


def _phones(area: str, rng: Random) -> tuple[Phone, ...]:
    landline = Phone(kind="landline", number=f"{area}3{_digits(7, rng)}")
    return ((_mobile(area, rng),), (_mobile(area, rng), landline), (landline,), ())[
        rng.choice((0, 0, 0, 0, 1, 1, 2, 3))
    ]


def _addresses(city: seed_data.City, rng: Random) -> tuple[Address, ...]:
    main = _address("main", city, rng)
    return (main, _address("delivery", city, rng)) if rng.randrange(12) == 0 else (main,)


def _address(kind: Literal["main", "delivery"], city: seed_data.City, rng: Random) -> Address:
    return Address(
        kind=kind,
        street=rng.choice(seed_data.STREETS),
        number=rng.choice(seed_data.ODD_HOUSE_NUMBERS) if rng.randrange(8) == 0 else str(rng.randrange(1, 4000)),
        complement=rng.choice(seed_data.COMPLEMENTS) if rng.randrange(5) == 0 else None,
        district=rng.choice(seed_data.DISTRICTS),
        city_code=city.code,
        city=city.name,
        state=city.state,
        postal_code=city.postal_prefix + _digits(8 - len(city.postal_prefix), rng),
    )

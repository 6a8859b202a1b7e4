"""The words the sample company is made of: people, streets, cities, products, payment plans. Data only, pt-BR.

Names are generic combinations; no real person is meant. City codes are IBGE's, their last digit is a check digit.
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

ESTABLISHMENTS = {"0001": "FABRICA VEVO", "0002": "FÁBIO VEVO"}

FIRST_NAMES = (
    "Fábio", "Márcia", "João", "Ana Lúcia", "José", "Conceição", "Antônio", "Sônia", "Luís", "Inês", "Sebastião",
    "Verônica", "Caíque", "Thaís", "Raquel", "Davi", "Letícia", "Otávio", "Íris", "Vinícius", "Beatriz", "Érica",
    "Gonçalo", "Heloísa", "Américo", "Zuleica", "Simão", "Lívia", "Ângelo", "Noêmia", "Rui", "Cecília",
)  # fmt: skip
SURNAMES = (
    "D’Ávila", "da Conceição", "Gonçalves", "Araújo", "dos Santos", "Magalhães", "Sant’Anna", "Muñoz", "Brandão",
    "Assunção", "de Sá", "Guimarães", "Falcão", "Leão", "Simões", "Vilaça", "Antunes-Reis", "Queirós", "Estêvão",
    "Brás", "Pedrosa", "Camões", "Lourenço", "Müller", "Paixão", "Frazão", "Taveira", "Uchôa", "Norões", "Quintão",
)  # fmt: skip
TRADES = (
    "Padaria", "Mercado", "Construtora", "Depósito", "Ferragens", "Casa de Tintas", "Marcenaria", "Pousada",
    "Clínica", "Farmácia", "Autopeças", "Serralheria", "Condomínio", "Colégio", "Restaurante", "Açougue",
    "Papelaria", "Oficina", "Imobiliária", "Confecções",
)  # fmt: skip
TRADE_NAMES = (
    "São João", "Boa Esperança", "Dois Irmãos", "Nossa Senhora da Guia", "Três Corações", "Pé de Serra",
    "D’Ávila", "Sant’Ana", "Água Fria", "Maré Alta", "Ipê-Amarelo", "Bom Princípio", "Céu Azul", "Irmãos Araújo",
    "Estação", "Recôncavo", "Chapadão", "Sertão Verde", "Aurora", "Boreal", "Girassol", "União & Fé", "Beira-Rio",
    "Café com Pão", "Jatobá", "Mãe d’Água", "Primavera", "São Brás", "Paraíso", "Vitória-Régia",
)  # fmt: skip
COMPANY_FORMS = ("Ltda", "Comércio Ltda", "ME", "EPP", "S/A", "Indústria e Comércio Ltda", "Distribuidora Ltda")
LONG_TAIL = "Comércio, Importação, Exportação e Representações de Materiais para Construção em Geral"
STREETS = (
    "Rua São João", "Avenida Brasil", "Rua Quinze de Novembro", "Travessa da Conceição", "Rua das Acácias",
    "Avenida Getúlio Vargas", "Rua Tiradentes", "Praça da Sé", "Rodovia do Açúcar", "Alameda dos Ipês",
    "Rua Padre Antônio Vieira", "Avenida Beira-Mar", "Estrada do Coco", "Rua Mãe d’Água", "Rua José Bonifácio",
    "Avenida Sete de Setembro", "Rua Chã de Alegria", "Largo do Rosário",
)  # fmt: skip
ODD_HOUSE_NUMBERS = ("S/N", "123-A", "km 4", "1578 B", "Lote 7", "S/N")
COMPLEMENTS = ("Sala 4", "Galpão B", "Fundos", "Loja 12", "Bloco C, apto. 302", "2º andar", "Próximo à praça")
DISTRICTS = (
    "Centro", "Bela Vista", "São José", "Jardim América", "Vila União", "Distrito Industrial", "Água Verde",
    "Conceição", "Boa Viagem", "Santo Antônio",
)  # fmt: skip
ORDER_NOTES = (
    "Entregar pela doca 2, das 8h às 11h.",
    "Não entregar às segundas – portão fechado.",
    "Cliente retira; avisar quando a separação terminar.",
    "Conferir a cor “gelo” antes de carregar.",
    "Nota em nome da matriz, entrega na obra.",
)
CUSTOMER_NOTES = ("Prefere contato à tarde.", "Falar com a dona Conceição.", "Só recebe até as 16h.")
CANCEL_REASONS = ("Cliente desistiu", "Pedido em duplicidade", "Sem crédito", "Preço não autorizado")
CARRIERS = ("Transportadora Água Fria", "Rápido São Brás", "Expresso Sertão Verde")
CARD_BRANDS = ("visa", "mastercard", "elo")
SELLERS = {
    "V001": "Íris Brandão", "V002": "Otávio D’Ávila", "V003": "Conceição Falcão", "V004": "Caíque Simões",
    "V005": "Lívia Sant’Anna", "V006": "Américo Vilaça", "V007": "Thaís Gonçalves", "V012": "Sebastião Leão",
}  # fmt: skip
PRICE_TABLES = {"ATACADO": "Atacado", "VAREJO": "Varejo"}


class City(NamedTuple):
    """A city: its IBGE code, the state (UF), the telephone area (DDD) and how its postal codes (CEP) begin."""

    name: str
    code: str
    state: str
    area: str
    postal_prefix: str


CITIES = tuple(
    City(*line.split("|"))
    for line in """\
São Paulo|3550308|SP|11|013
São Paulo|3550308|SP|11|040
São Paulo|3550308|SP|11|083
Guarulhos|3518800|SP|11|070
Campinas|3509502|SP|19|130
Santos|3548500|SP|13|110
Ribeirão Preto|3543402|SP|16|140
São José dos Campos|3549904|SP|12|122
Sorocaba|3552205|SP|15|180
São José do Rio Preto|3549805|SP|17|150
Rio de Janeiro|3304557|RJ|21|200
Niterói|3303302|RJ|21|240
Belo Horizonte|3106200|MG|31|301
Uberlândia|3170206|MG|34|384
Juiz de Fora|3136702|MG|32|360
São João del-Rei|3162500|MG|32|363
Vitória|3205309|ES|27|290
Curitiba|4106902|PR|41|800
Londrina|4113700|PR|43|860
Maringá|4115200|PR|44|870
Florianópolis|4205407|SC|48|880
Joinville|4209102|SC|47|892
Chapecó|4204202|SC|49|898
Porto Alegre|4314902|RS|51|900
Caxias do Sul|4305108|RS|54|950
Salvador|2927408|BA|71|400
Feira de Santana|2910800|BA|75|440
Recife|2611606|PE|81|500
Caruaru|2604106|PE|81|550
Fortaleza|2304400|CE|85|600
Natal|2408102|RN|84|590
João Pessoa|2507507|PB|83|580
Maceió|2704302|AL|82|570
Aracaju|2800308|SE|79|490
São Luís|2111300|MA|98|650
Teresina|2211001|PI|86|640
Belém|1501402|PA|91|660
Manaus|1302603|AM|92|690
Goiânia|5208707|GO|62|740
Brasília|5300108|DF|61|700
Cuiabá|5103403|MT|65|780
Campo Grande|5002704|MS|67|790""".splitlines()
)

# How many digits a state registration (inscrição estadual) has; 9 where the state is not named.
REGISTRATION_DIGITS = {"SP": 12, "RJ": 8, "MG": 13, "PR": 10, "RS": 10, "PE": 9, "MT": 11, "DF": 13}


class Method(NamedTuple):
    """A payment method: the app's code, its name and the kind of the NF-e (tPag)."""

    code: str
    name: str
    kind: str


METHODS = {
    method.code: method
    for method in (
        Method("DINHEIRO", "Dinheiro", "01"),
        Method("CARTAO_CREDITO", "Cartão de crédito", "03"),
        Method("BOLETO", "Boleto bancário", "15"),
        Method("PIX", "PIX", "17"),
    )
}


class Plan(NamedTuple):
    """Agreed terms: when (days from the issue), by which method, and how many orders in a hundred take them."""

    code: str
    description: str
    days: tuple[int, ...]
    method: str
    share: int
    down_payment_percent: Decimal = Decimal("0.00")


PLANS = (
    Plan("PIX", "À vista no PIX", (0,), "PIX", 21),
    Plan("AVISTA", "À vista", (0,), "DINHEIRO", 8, Decimal("100.00")),
    Plan("CARTAO1X", "Cartão em 1 vez", (30,), "CARTAO_CREDITO", 12),
    Plan("CARTAO3X", "Cartão em 3 vezes", (30, 60, 90), "CARTAO_CREDITO", 6),
    Plan("CARTAO6X", "Cartão em 6 vezes", (30, 60, 90, 120, 150, 180), "CARTAO_CREDITO", 2),
    Plan("28", "28 dias", (28,), "BOLETO", 21),
    Plan("3060", "30/60", (30, 60), "BOLETO", 10),
    Plan("306090", "30/60/90", (30, 60, 90), "BOLETO", 17),
    Plan("ENT30", "Entrada de 30 % no PIX e saldo em 30 dias", (0, 30), "BOLETO", 3, Decimal("30.00")),
)
PLAN_OF_100 = tuple(plan for plan in PLANS for _ in range(plan.share))


class SampleProduct(NamedTuple):
    """A product of the catalogue. `price` is wholesale, `retail_price` the other table's; bulk is sold by fractions."""

    code: str
    name: str
    gtin: str | None
    ncm: str
    unit: str
    price: Decimal
    retail_price: Decimal
    ipi_percent: Decimal
    is_bulk: bool


_COLOURS = (
    "branco neve", "gelo", "palha", "marfim", "areia", "camurça", "pérola", "concreto", "azul sereno", "verde-limão",
    "amarelo canário", "vermelho cardinal", "terracota", "cerâmica", "tabaco", "preto",
)  # fmt: skip
# name | NCM | unit | IPI % | sizes and prices; {} is the colour
_COLOURED = """\
Tinta acrílica fosca {}|32091010|UN|0|0,9 L=31.90 3,6 L=79.50 18 L=289.90
Tinta acrílica acetinada {}|32091010|UN|0|0,9 L=38.40 3,6 L=98.75 18 L=352.60
Esmalte sintético brilhante {}|32081010|GL|3.25|0,9 L=36.20 3,6 L=112.30
Tinta látex econômica {}|32091020|LT|0|3,6 L=44.90 18 L=148.00
Tinta para piso {}|32091010|LT|0|3,6 L=89.10 18 L=339.00
Tinta spray multiúso {}|32089010|UN|3.25|400 mL=17.25"""
_PLAIN = """\
Massa corrida PVA|32141010|BD|0|1,3 kg=9.90 5,7 kg=28.40 25 kg=74.90
Massa acrílica|32141010|BD|0|1,4 kg=14.30 6 kg=46.80 27 kg=139.90
Selador acrílico|32091010|LT|0|3,6 L=42.60 18 L=129.00
Fundo preparador de paredes|32091010|LT|0|0,9 L=22.15 3,6 L=67.20 18 L=246.00
Verniz marítimo incolor|32089010|GL|3.25|0,9 L=41.70 3,6 L=138.90
Zarcão anticorrosão|32081010|GL|3.25|0,9 L=34.60 3,6 L=118.20
Aguarrás mineral|27101230|LT|0|0,9 L=18.90 5 L=89.00
Thinner para limpeza|38140090|LT|0|0,9 L=16.40 5 L=76.50
Impermeabilizante flexível|32149000|BD|0|4 kg=88.00 18 kg=329.00
Corante líquido|32041700|UN|0|50 mL=5.35
Rolo de lã|96034010|UN|6.5|5 cm=6.45 9 cm=9.80 15 cm=14.20 23 cm=18.75
Rolo de espuma|96034010|UN|6.5|5 cm=3.15 9 cm=4.10 15 cm=6.30 23 cm=9.60
Pincel chato|96034090|UN|6.5|1/2"=2.85 1"=3.90 1 1/2"=5.25 2"=7.10 3"=11.40
Lixa d’água, folha|68052000|FL|0|grão 80=1.60 grão 120=1.55 grão 180=1.50 grão 220=1.50 grão 320=1.55 grão 400=1.62
Lixa para massa, folha|68052000|FL|0|grão 80=1.20 grão 100=1.15 grão 150=1.10 grão 220=1.10
Fita crepe 50 m|48114110|RL|0|18 mm=4.20 24 mm=5.60 48 mm=11.10
Espátula de aço|82055900|UN|6.5|4 cm=6.20 6 cm=7.40 8 cm=8.90 12 cm=11.60
Desempenadeira|82055900|PC|6.5|lisa=24.90 dentada=26.70
Bandeja para pintura|39249000|UN|0|15 cm=6.90 23 cm=9.75
Extensor para rolo|73269090|UN|0|1,5 m=22.40 3 m=38.90
Lona plástica preta|39201099|RL|0|4 × 5 m=18.30 4 × 50 m=149.00
Estopa branca, fardo|63109000|FD|0|10 × 150 g=24.60
Silicone acético|32141010|UN|0|incolor 280 g=15.80 branco 280 g=15.80
Luva de látex|40151900|PR|0|P=4.15 M=4.15 G=4.15
Tinta acrílica fosca, caixa com 4|32091010|CX|0|branco neve 3,6 L=309.00 gelo 3,6 L=309.00
Óculos de proteção|90049020|UN|0|incolor=7.30 fumê=7.90
Máscara descartável PFF2|63079010|UN|0|sem válvula=2.95 com válvula=4.40
Catálogo de cores|49111090|UN|0|edição atual=12.00"""
_BULK = """\
Massa corrida PVA (granel)|32141010|KG|0|=4.3333
Cal para pintura (granel)|25222000|KG|0|=1.875
Pigmento óxido vermelho (granel)|28211011|KG|0|=23.4517
Cola branca (granel)|35069190|KG|0|=11.37
Textura rústica (granel)|32149000|KG|0|=6.1429
Papel de parede vinílico|48142000|M2|0|=37.9083
Tela de fachadeiro|63079090|M2|0|=2.6667
Solvente de borracha (granel)|27101210|L|0|=14.2857"""
_CENTAVO = Decimal("0.01")
_RETAIL = Decimal("1.12")


def _gtin(number: int) -> str:
    body = f"7890000{number:05d}"
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(body))
    return f"{body}{-weighted % 10}"


def _lines(table: str) -> Iterator[tuple[str, str, str, Decimal, Decimal]]:
    """Name, NCM, unit, IPI and price of each size of each line; a size follows the name, a price follows `=`."""
    for line in table.splitlines():
        name, ncm, unit, ipi, sizes = line.split("|")
        parts = sizes.split("=")
        labels = [parts[0], *(part.partition(" ")[2] for part in parts[1:-1])]
        prices = [part.partition(" ")[0] for part in parts[1:]]
        for label, price in zip(labels, prices, strict=True):
            yield f"{name} {label}".strip(), ncm, unit, Decimal(ipi), Decimal(price)


def _catalogue() -> Iterator[SampleProduct]:
    coloured = [
        (name.format(colour), ncm, unit, ipi, price)
        for name, ncm, unit, ipi, price in _lines(_COLOURED)
        for colour in _COLOURS
    ]
    sold_whole = [*coloured, *_lines(_PLAIN)]
    for index, (name, ncm, unit, ipi, price) in enumerate([*sold_whole, *_lines(_BULK)]):
        is_bulk = index >= len(sold_whole)
        # Prices made from costs end in odd places: a part of the catalogue has three or four of them.
        odd = Decimal(0) if is_bulk else (Decimal(0), Decimal("0.0075"), Decimal("0.005"), Decimal(0))[index % 4]
        yield SampleProduct(
            code=f"{101 + 3 * index:06d}",
            name=name,
            gtin=None if is_bulk or index % 23 == 22 else _gtin(101 + 3 * index),
            ncm=ncm,
            unit=unit,
            price=price + odd,
            retail_price=(price * _RETAIL).quantize(_CENTAVO),
            ipi_percent=ipi,
            is_bulk=is_bulk,
        )


PRODUCTS = tuple(_catalogue())
SOLD_WHOLE = tuple(product for product in PRODUCTS if not product.is_bulk)
SOLD_BY_FRACTION = tuple(product for product in PRODUCTS if product.is_bulk)

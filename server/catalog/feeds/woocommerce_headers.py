"""Which column of a WooCommerce export is which, in shops of any language: by name where we know the translation, else
by what stands in the cells.

The exporter writes its headers in the language of whoever pressed the button, always in the same order, and leaves the
values of some columns untranslated (types, visibility, tax status): these are the anchors.
Source: class-wc-product-csv-exporter.php, get_default_column_names.
"""

# ruff: noqa: RUF001  (Cyrillic letters look like Latin ones; here they are meant)

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

# our name: English, German, French, Spanish, Polish, Russian, Italian, Dutch and further spellings of several versions
_NAMES: dict[str, tuple[str, ...]] = {
    "id": ("id", "identyfikator"),
    "type": ("type", "typ", "tipo", "rodzaj", "тип"),
    "sku": ("sku", "artikelnummer", "art.-nr.", "ugs", "référence", "артикул", "cod"),
    "gtin": (
        *("gtin, upc, ean, or isbn", "gtin, upc, ean oder isbn", "gtin, upc, ean ou isbn", "gtin, upc, ean o isbn"),
        *("gtin, upc, ean, o isbn", "gtin, upc, ean of isbn", "gtin, upc, ean lub isbn", "gtin, upc, ean или isbn"),
    ),
    "name": ("name", "nom", "nombre", "nazwa", "имя", "название", "nome", "naam"),
    "published": (
        *("published", "veröffentlicht", "publié", "publicado", "opublikowano", "opublikowany", "opublikowane"),
        *("опубликован", "опубликовано", "pubblicato", "gepubliceerd"),
    ),
    "visibility": (
        *("visibility in catalog", "sichtbarkeit im katalog", "katalogsichtbarkeit", "visibilité dans le catalogue"),
        *("visibilidad en el catálogo", "widoczność w katalogu", "видимость в каталоге", "visibilità nel catalogo"),
        *("zichtbaarheid in catalogus", "zichtbaarheid in de catalogus"),
    ),
    "short_description": (
        *("short description", "kurzbeschreibung", "description courte", "descripción corta", "krótki opis"),
        *("краткое описание", "breve descrizione", "korte beschrijving", "korte omschrijving"),
    ),
    "description": (
        *("description", "beschreibung", "descripción", "opis", "описание", "descrizione", "beschrijving"),
        *("omschrijving",),
    ),
    "sale_from": (
        *("date sale price starts", "datum, an dem angebotspreis beginnt", "datum, an dem der angebotspreis beginnt"),
        *("angebotspreis gültig ab", "date de début de promo", "día en que empieza el precio rebajado"),
        *("data rozpoczęcia promocji", "дата начала действия скидки", "дата начала действия продажной цены"),
        *("data di partenza del prezzo in saldo", "startdatum actieprijs"),
    ),
    "sale_to": (
        *("date sale price ends", "datum, an dem angebotspreis endet", "datum, an dem der angebotspreis endet"),
        *("angebotspreis gültig bis", "date de fin de promo", "día en que termina el precio rebajado"),
        *("data zakończenia promocji", "дата окончания действия скидки", "дата окончания действия продажной цены"),
        *("termine data del prezzo di vendita", "data in cui termina l'offerta", "einddatum actieprijs"),
    ),
    "in_stock": (
        *("in stock?", "vorrätig?", "auf lager?", "en stock ?", "en stock?", "en inventaire?", "¿en inventario?"),
        *("¿existencias?", "¿hay existencias?", "w magazynie?", "na stanie?", "в наличии?", "наличие", "op voorraad?"),
    ),
    "stock": (
        *("stock", "lager", "bestand", "lagerbestand", "inventaire", "inventario", "stan magazynowy", "magazyn"),
        *("запасы", "magazzino", "voorraad"),
    ),
    "backorders": (
        *("backorders allowed?", "rückstände erlaubt?", "lieferrückstände erlaubt?", "lieferrückstande erlaubt?"),
        *("autoriser les commandes de produits en rupture ?", "¿permitir reservas de productos agotados?"),
        *("dozwolone zamówienia oczekujące?", "возможен ли предзаказ?", "задержанный заказ возможен?"),
        *("abilita gli ordini arretrati?", "nabestellingen toestaan?"),
    ),
    "sale_price": (
        *("sale price", "angebotspreis", "tarif promo", "prix promo", "precio rebajado", "cena promocyjna"),
        *("акционная цена", "цена распродажи", "prezzo in offerta", "actieprijs"),
    ),
    "regular_price": (
        *("regular price", "regulärer preis", "normaler preis", "tarif régulier", "prix régulier", "precio normal"),
        *("precio regular", "cena regularna", "cena", "базовая цена", "обычная цена", "prezzo di listino"),
        *("reguliere prijs", "normale prijs"),
    ),
    "categories": (
        *("categories", "kategorien", "catégories", "categorías", "kategorie", "категории", "categorie"),
        *("categorieën",),
    ),
    "tags": (
        *("tags", "schlagwörter", "étiquettes", "etiquetas", "tagi", "znaczniki", "метки", "etichette", "tag"),
    ),
    "images": (
        *("images", "image", "bilder", "imágenes", "obrazki", "obrazy", "изображения", "immagine", "immagini"),
        *("afbeeldingen",),
    ),
    "parent": (
        *("parent", "übergeordnetes produkt", "eltern", "superior", "nadrzędny", "rodzic", "родительский", "genitore"),
        *("hoofd",),
    ),
    "grouped": (
        *("grouped products", "gruppierte produkte", "groupes de produits", "produits groupés", "productos agrupados"),
        *("grupowane produkty", "pogrupowane produkty", "сгруппированные товары", "prodotti raggruppati"),
        *("gegroepeerde producten",),
    ),
    "upsells": (
        *("upsells", "up-sells", "zusatzverkäufe", "produits suggérés", "montée en gamme", "ventas dirigidas"),
        *("sprzedaż dodatkowa", "апсэлы", "апсейл", "апселы", "up-sell"),
    ),
    "cross_sells": (
        *("cross-sells", "cross-sells (querverkäufe)", "ventes croisées", "ventas cruzadas", "sprzedaż krzyżowa"),
        *("кросселы", "cross-sell"),
    ),
    "external_url": (
        *("external url", "externe url", "url externe", "url externa", "zewnętrzny adres url", "внешний url"),
        *("url esterna", "url esterno"),
    ),
    "brands": ("brands", "brand", "marken", "marke", "marques", "marque", "marcas", "marki", "бренды", "marchi",
               "merken"),
}  # fmt: skip
_OURS = {theirs: ours for ours, several in _NAMES.items() for theirs in several}
_TYPES = {
    *("simple", "variable", "variation", "grouped", "external", "downloadable", "virtual", "subscription"),
    *("variable-subscription", "subscription_variation", "bundle", "composite", "booking"),
}
_VISIBILITIES = {"visible", "catalog", "search", "hidden"}
_FROM_VISIBILITY = {"name": -3, "published": -2, "short_description": 1, "description": 2, "sale_from": 3, "sale_to": 4,
                    "in_stock": 7, "stock": 8}  # fmt: skip
_FROM_IMAGES = {"sale_price": -5, "regular_price": -4, "categories": -3, "tags": -2, "parent": 3, "grouped": 4,
                "upsells": 5, "cross_sells": 6, "external_url": 7}  # fmt: skip
_NUMBERED = re.compile(r"(?<!\d)([1-9]\d?)(?!\d)")
_ATTRIBUTE = re.compile(r"attribu|atribu|atrybut|атр+ибут|eigenschap|аттрибут", re.IGNORECASE)
_WORD_NAME = re.compile(r"\b(name|nom|nombre|nazwa|имя|название|nome|naam)\b", re.IGNORECASE)
_WORD_VALUE = re.compile(r"value|wert|valeur|valor|valuta|valore|wartoś|значени|waarde", re.IGNORECASE)


@dataclass(frozen=True)
class Columns:
    """Positions: of our columns by name, and of each attribute's name and value."""

    known: dict[str, int]
    attributes: tuple[tuple[int, int], ...] = field(default=())

    @property
    def is_complete(self) -> bool:
        """Whether this is enough to read products from."""
        return {"type", "name"} <= self.known.keys() and bool({"sku", "id"} & self.known.keys())


def recognise(names: Sequence[str], sample: Sequence[Sequence[str]]) -> Columns:
    """Find the columns by name, then by shape what no name told. `sample`: rows of the file."""
    known: dict[str, int] = {}
    for at, name in enumerate(names):
        ours = _OURS.get(_plain(name))
        if ours is not None:
            known.setdefault(ours, at)
    attributes = _attributes(names)
    if not {"type", "name", "published", "regular_price", "categories", "images"} <= known.keys():
        for ours, at in _by_shape(names, sample).items():
            if at not in known.values():
                known.setdefault(ours, at)
    return Columns(known, attributes)


def _plain(name: str) -> str:
    name = name.replace("\u00a0", " ").replace("\u202f", " ").replace("’", "'")
    return " ".join(name.casefold().split())


def _by_shape(names: Sequence[str], sample: Sequence[Sequence[str]]) -> dict[str, int]:
    """Positions that follow from the anchors: the columns of types, visibilities and picture addresses."""
    columns = [[row[at].strip() for row in sample if at < len(row) and row[at].strip()] for at in range(len(names))]
    types = _first(columns, lambda cell: {part.strip() for part in cell.split(",")} <= _TYPES)
    visibility = _first(columns, lambda cell: cell in _VISIBILITIES)
    if types is None or visibility is None:
        return {}
    found = {"type": types, "visibility": visibility, "sku": types + 1}
    if types > 0:
        found["id"] = types - 1
    found |= {ours: visibility + step for ours, step in _FROM_VISIBILITY.items()}
    images = _first(columns, lambda cell: cell.startswith(("http://", "https://")), least=visibility + 9)
    if images is not None:
        found |= {"images": images} | {ours: images + step for ours, step in _FROM_IMAGES.items()}
    return {ours: at for ours, at in found.items() if 0 <= at < len(names)}


def _first(columns: Sequence[Sequence[str]], fits: Callable[[str], bool], least: int = 0) -> int | None:
    for at, cells in enumerate(columns):
        if at >= least and cells and all(fits(cell) for cell in cells):
            return at
    return None


def _attributes(names: Sequence[str]) -> tuple[tuple[int, int], ...]:
    """Name and value of each attribute: by their words, else the first two of four columns with one number."""
    by_number: dict[str, list[int]] = {}
    for at, name in enumerate(names):
        numbers = _NUMBERED.findall(name)
        if len(numbers) == 1 and not name.casefold().startswith(("meta:", "meta ", "мета:", "méta")):
            by_number.setdefault(numbers[0], []).append(at)
    pairs: list[tuple[int, int]] = []
    for positions in by_number.values():
        ours = [at for at in positions if _ATTRIBUTE.search(names[at])]
        name = next((at for at in ours if _WORD_NAME.search(names[at]) and not _WORD_VALUE.search(names[at])), None)
        value = next((at for at in ours if _WORD_VALUE.search(names[at])), None)
        if name is not None and value is not None:
            pairs.append((name, value))
        elif len(positions) >= 4 and positions[:4] == list(range(positions[0], positions[0] + 4)):
            pairs.append((positions[0], positions[1]))
    return tuple(pairs)

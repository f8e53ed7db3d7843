"""Departments for a shop whose catalog has no categories: told from the words of a title.

Only the demo's pages use them. The catalog that Vitrina learns from stays as the shop gave it.
"""

import re

# The first department that knows a word of the title takes the item; the order puts occasions before things.
_WORDS = {
    "Christmas": (
        "christmas xmas advent santa snowflake snowman reindeer bauble baubles wreath nativity noel robin rudolph snow"
    ),
    "Easter & garden": (
        "easter garden gardening gardener gardeners planter herb seed seeds watering plant bird birdhouse birdcage "
        "nesting rabbit hen hens chick bunny greenhouse parasol windmill trellis sunflower kneeling potting "
        "flowerpot"
    ),
    "Party": (
        "party bunting balloon balloons garland birthday confetti fancy skittles cases straws paper napkin napkins "
        "plates wedding bubbles disco tissues"
    ),
    "Cards & wrap": (
        "card cards wrap envelope postcard ribbon ribbons tape sticker stickers stamp stamps tag gift tissue"
    ),
    "Bags & purses": (
        "bag bags handbag washbag umbrella shopper purse wallet passport luggage tote rucksack backpack holdall"
    ),
    "Jewellery": (
        "necklace bracelet earrings earring ring bangle brooch charm bead beads pendant diamante choker charms "
        "hairclip hair clip grip jewel jewellery slide lariat"
    ),
    "Kitchen": (
        "mug mugs cup cups bowl bowls plate cake tea teapot teacup coffee jug jar kitchen apron baking bake cookie "
        "biscuit pan spoon spoons cutlery fork lunch bottle breakfast egg tin tins tray trays glass glasses "
        "tumbler recipe jelly mould measuring cakestand cocktail coaster coasters placemat saucer teatime "
        "tablecloth oven glove salt pepper ladle drink drinking dish beaker decanter goblet pantry food bread"
    ),
    "Candles & light": (
        "candle candles tlight t-light t-lights lantern lamp light lights chandelier candlestick candleholder "
        "votive nightlight torch incense lampshade lighting"
    ),
    "Toys & children": (
        "toy toys doll dolly game games puzzle playhouse soldier children childrens childs kids baby teddy "
        "spaceboy colouring crayon crayons skipping jigsaw rocket dinosaur knitted yoyo spinning kaleidoscope "
        "marbles ludo dominoes tattoos inflatable feltcraft circus magic money"
    ),
    "Desk & craft": (
        "pencil pencils pen pens notebook notebooks journal book ruler sharpener eraser rubber memo chalk "
        "clipboard calculator sketchbook paperweight patches sewing knitting craft wool pin magnets magnet "
        "organiser stationery calendar letter"
    ),
    "Bath & comfort": (
        "bath towel soap hot water cushion cushions throw quilt slippers warmer socks scarf blanket pillow toilet "
        "bathroom flannel curtain cosy hottie pyjama"
    ),
    "Walls & shelves": (
        "frame frames photo mirror mirrors clock sign plaque wall shelf hook hooks doormat hanger hangers drawer "
        "cabinet decoration hanging heart picture canvas art doorstop knob tile box boxes storage basket chest "
        "stand rack stool chair table cupboard ornament vase bin mat key mobile flower flowers"
    ),
}
OTHERS = "Curiosities"
_DEPARTMENT_OF = {word: name for name, words in reversed(_WORDS.items()) for word in words.split()}
_ORDER = tuple(_WORDS)
_WORD = re.compile(r"[a-z][a-z-]*")


def department_of(title: str) -> str:
    """The department in which a shop assistant would look for this title."""
    found = {_DEPARTMENT_OF[word] for word in _WORD.findall(title.lower()) if word in _DEPARTMENT_OF}
    return min(found, key=_ORDER.index) if found else OTHERS

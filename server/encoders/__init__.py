"""Text and image to vector: one file per encoder. Importing this folder loads no model and no model library.

An encoder's module has `create(settings) -> Encoder`; adding one is its file and its line here, and a way to choose it
in `choice.py`.
"""

ENCODERS = {
    "clip": "server.encoders.clip",
    "minilm": "server.encoders.minilm",
    "visual": "server.encoders.visual",
}

"""Every feed in the folder that VITRINA_FEEDS names is recognised, and all of its rows become items."""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from feed_reading import FEEDS, read_feed

_FOLDER = Path(os.environ.get("VITRINA_FEEDS") or FEEDS)
_FILES = sorted(path for ending in ("csv", "csv.gz", "xml", "tsv", "jsonl") for path in _FOLDER.rglob(f"*.{ending}"))


@pytest.mark.parametrize("path", _FILES, ids=lambda path: path.name)
def test_a_platforms_feed_is_recognised_and_read_without_loss(path: Path, tmp_path: Path):
    own = tmp_path / path.name
    shutil.copyfile(path, own)
    feed = read_feed(own)
    assert feed.format in ("shopify", "woocommerce", "google", "magento")
    assert feed.rejections == []
    assert feed.items
    assert all(item.title for item in feed.items.values())
    assert any(item.image_url for item in feed.items.values())
    priced = [item for item in feed.items.values() if item.price is not None]
    assert len(priced) >= 0.9 * len(feed.items)
    # packed, it is the same feed
    packed = tmp_path / "packed.gz"
    packed.write_bytes(gzip.compress(own.read_bytes()) if own.suffix != ".gz" else own.read_bytes())
    assert read_feed(packed).items == feed.items

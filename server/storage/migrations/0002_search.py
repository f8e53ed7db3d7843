from tortoise import migrations
from tortoise.migrations import operations as ops

SQLITE = """
CREATE VIRTUAL TABLE search_documents USING fts5(title, kind, tags, description, keys, detail=column, tokenize='ascii');
CREATE VIRTUAL TABLE search_words USING fts5vocab(search_documents, 'row');
"""
POSTGRES = """
CREATE TABLE search_documents (
    shop_id VARCHAR(32) NOT NULL, item_id VARCHAR(128) NOT NULL, document TSVECTOR NOT NULL DEFAULT '',
    PRIMARY KEY (shop_id, item_id),
    FOREIGN KEY (shop_id, item_id) REFERENCES items (shop_id, item_id) ON DELETE CASCADE
);
CREATE INDEX search_documents_document ON search_documents USING GIN (document);
CREATE TABLE search_words (
    shop_id VARCHAR(32) NOT NULL REFERENCES shops (id) ON DELETE CASCADE, word VARCHAR(64) NOT NULL,
    PRIMARY KEY (shop_id, word)
);
"""


async def create(_apps, editor):
    connection = editor.client
    sqlite = connection.capabilities.dialect == "sqlite"
    for statement in (SQLITE if sqlite else POSTGRES).split(";")[:-1]:
        await connection.execute_query(statement)


async def fill(_apps, editor):
    # imported here: everything that reads the list of migrations would otherwise load the search
    from server.catalog import search

    await search.index_everything(editor.client)


async def drop(_apps, editor):
    for table in ("search_words", "search_documents"):
        await editor.client.execute_query(f"DROP TABLE {table}")


class Migration(migrations.Migration):
    dependencies = [("vitrina", "0001_initial")]

    operations = [ops.RunPython(create, drop), ops.RunPython(fill, ops.RunPython.noop)]

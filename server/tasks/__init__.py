"""Long work on ARQ workers: the queue, the worker, and one file per kind of task.

A kind is a module with `async def run(run: TaskRun) -> dict`; adding one is its file and its line here.
"""

from server.tasks.kind import Kind

KINDS: dict[str, Kind] = {
    # an import holds the database's write lock now and then: starved of the processor it would make shoppers wait
    "import": Kind("server.tasks.import_catalog", writes="catalog", short_below=2_000_000, niceness=5),
    "encode": Kind("server.tasks.encode", writes="snapshot", short_below=300),
    "reindex": Kind("server.tasks.reindex", writes="snapshot", short_below=50_000),
    # never short: the long lane has one slot, so that a worker trains one shop at a time
    "train": Kind("server.tasks.train", writes="snapshot", short_below=0, trains=True),
    "evaluate": Kind("server.tasks.evaluate", writes="evaluation", short_below=0, trains=True),
}

"""Category paths (`Men > Shirts`) and the names under which their products are found."""


def key_of(path: str) -> str:
    """One spelling for a path, however it is spaced and capitalised."""
    return ">".join(part.strip() for part in path.split(">")).casefold()


def above(path: str) -> list[str]:
    """The path as a list of paths, from the broadest category to the category itself."""
    parts = [part.strip() for part in path.split(">") if part.strip()]
    return [" > ".join(parts[:depth]) for depth in range(1, len(parts) + 1)]


def keys_of(path: str) -> list[str]:
    """The keys of the category, of those above it, and of its last part alone: pages often know no more than that."""
    paths = above(path)
    return list(dict.fromkeys([*map(key_of, paths), *(key_of(name_of(one)) for one in paths)]))


def name_of(path: str) -> str:
    """What a shopper would call the category: the last part of its path."""
    return path.rpartition(">")[2].strip()

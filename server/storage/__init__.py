"""Where state lives: the database that owns the truth, Redis that carries it about, and blobs written once."""

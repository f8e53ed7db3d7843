"""Who is calling, and what may they do: keys, principals and the policies of routes."""

"""People: their accounts and passwords, how they stay signed in, and the links that are mailed to them."""

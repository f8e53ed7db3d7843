"""Letters to people: by SMTP where a setting names a server, else into a folder and the log."""

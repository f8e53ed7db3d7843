"""OAuth 2.0: how programs act for people. The protocol is Authlib's; this folder stores, signs and decides."""

"""OAuth: tokens of this hub for what proves something, instead of for somebody who signed in.

tokens     POST /oauth/token: by which grant
exchange   token exchange (RFC 8693), for jobs of trusted publishers
"""

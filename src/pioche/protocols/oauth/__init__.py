"""What applications and their machines ask the hub as OAuth 2 and OpenID provider. The pages for people are in `web.oauth`.

token      POST /oauth/token: one table of grants, a function each; the place to add one. POST /oauth/revoke
exchange   token exchange (RFC 8693), for jobs of trusted publishers
devices    POST /oauth/device: where a machine without a browser begins
openid     what clients discover, keys, and who somebody is
clients    which application asks, and its proof
errors     how OAuth says no
"""

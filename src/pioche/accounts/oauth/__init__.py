"""The hub as OAuth 2 and OpenID provider: people sign in to applications with their account here.

applications  who may ask: those that people register, and the command line of huggingface_hub, which is built in
scopes        what may be asked for, and which permissions of tokens that is
consents      what somebody said yes to; taking it back
grants        the token that an application gets, and its next value (refresh tokens)
devices       for a machine without a browser: a short code, typed elsewhere (RFC 8628)
codes         for an application in a browser: the code that it comes back with (RFC 6749 section 4.1, with PKCE)
identity      who somebody is, told to an application: claims, and the signed ID token (OpenID Connect Core)

An access token is a fine-grained token of the user like any other (`accounts.tokens`): whatever asks what a token may do
knows nothing of applications.
"""

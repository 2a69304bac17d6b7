"""Signing in at providers: the hub's own, and those of organisations (ui.md A1, T2, U3).

going         what every way there and back shares: the browser keeps a sealed note of what it asked for
hub           /login/sso: signing in and up by the hub's provider, linking an account to it
organisation  /organizations/{name}/sso: showing an organisation who one is
saml          /login/sso/{uid}/saml: where an organisation's SAML provider sends people back to
              /settings/identities, what an account is linked to, is in `web.settings`
"""

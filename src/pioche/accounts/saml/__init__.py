"""SAML 2.0, from the side of who relies on it: the web browser profile, asked by HTTP-Redirect and answered by HTTP-POST.

documents   XML as others sent it: small, without a DTD, without anything that a reader may see in two ways
providers   whom to ask, from the metadata that a provider publishes or from what was written in a form
asking      where a browser goes, and what we publish of ourselves
signatures  which element of an answer the provider signed: nothing else of it is read
answers     what was said, and whether it was said to us, now

Nothing here knows accounts, and no address is called: an answer comes by the browser, and proves itself by a signature of a
certificate that an administrator pinned. What it says is given to the rest of the hub as what an OpenID provider claims
(`oidc.Claims`). Begin with `answers.read`.
"""

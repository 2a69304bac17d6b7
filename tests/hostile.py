"""Texts that try to become something else in a browser: what F-XSS-1 and F-XSS-2 (reliability.md section F) put everywhere.

Each sets `window.__pwned` if it runs.
"""

PWN = "window.__pwned=1"

_ELEMENTS = [
    f"<script>{PWN}</script>",
    f"<ScRiPt>{PWN}</sCrIpT>",
    f"<script src=data:text/javascript,{PWN}></script>",
    f"<script\x0c>{PWN}</script>",
    f"<script/x>{PWN}</script>",
    f"<<script>{PWN}//<</script>",
    f"<scr<script>ipt>{PWN}</script>",
    f"<svg><script>{PWN}</script></svg>",
    f"<svg><script href=data:,{PWN} /></svg>",
    f"<svg onload={PWN}>",
    f"<svg><animate onbegin={PWN} attributeName=x dur=1s>",
    f"<svg><set attributeName=href to=javascript:{PWN} /><a><text>x</text></a></svg>",
    f'<svg><use href="data:image/svg+xml,<svg onload={PWN}>#x"/></svg>',
    f"<svg><foreignObject><body onload={PWN}></foreignObject></svg>",
    f"<svg><style><img src=x onerror={PWN}></style></svg>",
    f"<math><mtext><script>{PWN}</script></mtext></math>",
    f'<math href="javascript:{PWN}">x</math>',
    f"<math><mtext><table><mglyph><style><img src=x onerror={PWN}>",
    f"<math><annotation-xml encoding=text/html><img src=x onerror={PWN}></annotation-xml></math>",
    f"<form><math><mtext></form><form><mglyph><style></math><img src onerror={PWN}>",
    f'<noscript><p title="</noscript><img src=x onerror={PWN}>">',
    f"<template><img src=x onerror={PWN}></template>",
    f"<iframe src=javascript:{PWN}></iframe>",
    '<iframe srcdoc="<script>parent.__pwned=1</script>"></iframe>',
    f"<object data=javascript:{PWN}></object>",
    f"<embed src=javascript:{PWN}>",
    f"<applet code=x onerror={PWN}></applet>",
    f"<base href=javascript:{PWN}//>",
    f'<meta http-equiv=refresh content="0;url=javascript:{PWN}">',
    f'<link rel=stylesheet href="data:text/css,*{{x:expression({PWN})}}">',
    f"<style>@import 'javascript:{PWN}';</style>",
    f"<title><img src=x onerror={PWN}></title>",
    f"<textarea><img src=x onerror={PWN}></textarea>",
    f"<xmp><img src=x onerror={PWN}></xmp>",
    f"<plaintext><img src=x onerror={PWN}>",
    f"<select><option><img src=x onerror={PWN}></select>",
    f"<keygen autofocus onfocus={PWN}>",
    f"<isindex type=image src=1 onerror={PWN}>",
    f"<frameset onload={PWN}>",
    f"<!--[if gte IE 4]><script>{PWN}</script><![endif]-->",
    f"<!--><img src=x onerror={PWN}>-->",
    f"<!-- --!><img src=x onerror={PWN}> -->",
    f"<![CDATA[<img src=x onerror={PWN}>]]>",
    f"<?xml-stylesheet href=javascript:{PWN}?>",
    f"<x-element onclick={PWN} autofocus tabindex=1 onfocus={PWN}>x</x-element>",
    f"<button popovertarget=x onclick={PWN}>x</button><div popover id=x onbeforetoggle={PWN}>y</div>",
    f"<form action=javascript:{PWN}><button>go</button></form>",
    f"<button formaction=javascript:{PWN}>go</button>",
    f"<input autofocus onfocus={PWN}>",
    f"<isindex action=javascript:{PWN}>",
    f'<portal src="javascript:{PWN}"></portal>',
]
_HANDLERS = [
    f"<{tag} {attribute}={PWN}{rest}>x</{tag.split()[0]}>"
    for tag, rest in (
        ("img src=x", ""),
        ("video src=x", " autoplay"),
        ("details open", ""),
        ("a href=#x", ""),
        ("div", " style=animation:x"),
    )
    for attribute in (
        "onerror", "onload", "ontoggle", "onanimationstart", "onmouseover", "onfocus", "onpointerenter", "onbeforetoggle",
        "onscrollsnapchange", "ONERROR", "on\nerror", "/onerror", "\x00onerror",
    )
]  # fmt: skip
_SCHEMES = [
    f"javascript:{PWN}", f"JaVaScRiPt:{PWN}", f" javascript:{PWN}", f"java\tscript:{PWN}", f"java\nscript:{PWN}",
    f"\x01javascript:{PWN}", f"&#106;avascript:{PWN}", f"&#x6A;avascript&colon;{PWN}", f"javascript&Tab;:{PWN}",
    f"vbscript:{PWN}", f"data:text/html,<script>{PWN}</script>", "data:text/html;base64,PHNjcmlwdD4xPC9zY3JpcHQ+",
    f"view-source:javascript:{PWN}", f"//javascript:{PWN}", f"\\\\javascript:{PWN}", f"javascript://%0a{PWN}",
    f"blob:javascript:{PWN}", "file:///etc/passwd", f"livescript:{PWN}", f"feed:javascript:{PWN}",
]  # fmt: skip
_IN_SCHEMES = [
    form.format(address=address)
    for address in _SCHEMES
    for form in (
        '<a href="{address}">x</a>', "[x]({address})", "[x](<{address}>)", "![x]({address})", "<{address}>",
        '<img src="{address}">', '<video poster="{address}" src="{address}"></video>', "[x]: {address}\n\n[x]",
    )
]  # fmt: skip
_MARKDOWN = [
    f'[x](x "\\"onmouseover={PWN} y=\\"")',
    f"![x](x \"' onerror={PWN} '\")",
    f'![x" onerror="{PWN}](x)',
    f'![x](x"onerror="{PWN})',
    f"`<script>{PWN}</script>`",
    f'```"><script>{PWN}</script>\nx\n```',
    f"```html\n<script>{PWN}</script>\n```",
    f"| <script>{PWN}</script> |\n|---|\n| <img src=x onerror={PWN}> |",
    f"[^<img src=x onerror={PWN}>]\n\n[^<img src=x onerror={PWN}>]: x",
    f"# <img src=x onerror={PWN}>",
    f"> [!NOTE] <script>{PWN}</script>",
    f"- [ ] <script>{PWN}</script>",
    f":<script>{PWN}</script>:",
    f'https://x.example/"onmouseover={PWN}',
    f"http://x.example/<script>{PWN}</script>",
    f'mailto:x@x.example?"><script>{PWN}</script>',
    f"\u202ehttps://x.example/\u2066<script>{PWN}</script>",
    f"<details><summary><script>{PWN}</script></summary>\n\n<img src=x onerror={PWN}></details>",
]
_MATH = [
    f"$$\\text{{<script>{PWN}</script>}}$$",
    f"$$\\text{{<img/src=x/onerror={PWN}>}}$$",
    f"$$\\href{{javascript:{PWN}}}{{x}}$$",
    f"$$\\style{{background:url(javascript:{PWN})}}{{x}}$$",
    f'$$\\class{{" onclick="{PWN}}}{{x}}$$',
    f"$$\\unicode{{<script>{PWN}</script>}}$$",
    f"\\\\(</math><img src=x onerror={PWN}>\\\\)",
    f"\\\\(\\mbox{{<svg onload={PWN}>}}\\\\)",
]
_CLOBBERING = [
    '<a id=location href="https://evil.example">x</a>',
    "<img name=cookie>",
    "<form id=csrf><input name=csrf value=x></form>",
    "<a id=main></a>",
    '<div id="toasts" data-copied="x"></div>',
    '<a name="__proto__">x</a>',
    "# constructor",
    '<div style="position:fixed;inset:0;z-index:99">sign in here</div>',
    '<div class="site-header button skip-link">x</div>',
    '<a href="https://evil.example" target="_blank" rel="opener">x</a>',
    '<img src="https://evil.example/track.png">',
    '<img src="//169.254.169.254/latest">',
    '<img srcset="https://evil.example/a.png 1x">',
    '<picture><source srcset="https://evil.example/a.png"><img src=x></picture>',
    '<video src="https://evil.example/a.mp4" autoplay></video>',
    '<link rel=prefetch href="https://evil.example">',
    '```mermaid\ngraph TD\nclick A "javascript:window.__pwned=1"\n```',
]

TEXTS: list[str] = [*_ELEMENTS, *_HANDLERS, *_IN_SCHEMES, *_MARKDOWN, *_MATH, *_CLOBBERING]
"""About three hundred, each a whole text of markdown or HTML."""

SHORT: list[str] = [
    f'"><script>{PWN}</script>',
    f"'><img src=x onerror={PWN}>",
    f"<svg onload={PWN}>",
    f"javascript:{PWN}",
    f"{{{{constructor.constructor('{PWN}')()}}}}",
    f"</title><script>{PWN}</script>",
    f"--><script>{PWN}</script>",
]
"""For names and single fields."""

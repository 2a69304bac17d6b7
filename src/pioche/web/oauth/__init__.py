"""Letting an application in, on pages (ui.md A1); what it asks by itself is in `protocols.oauth`.

asking     what both pages show: the application, what it asks for, the organisations to choose from
device     /device: the code that a machine without a browser shows
authorize  /oauth/authorize: where an application sends a browser
           /settings/applications, one's own and those that were let in, is in `web.settings`
"""

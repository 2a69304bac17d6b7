"""The pages of discussions and pull requests (ui.md C): `listing`, `opening`, `conversation`, one comment in `remark`, what
git has of a pull request in `proposal`; `acting` is where their forms are sent to. Start with `routes`.

Every page is whole without scripts. Where discussions are off, all of them are as if there were no such address.
"""

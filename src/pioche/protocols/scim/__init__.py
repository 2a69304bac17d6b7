"""SCIM 2.0 (RFC 7643, RFC 7644): an organisation's directory tells who belongs to it, and in which groups.

calls    whose directory it is, which page was asked for, what equals what
users    /Users
groups   /Groups, which are resource groups
patches  what PATCH says, in the ways that directories say it
about    what this hub offers of SCIM
"""

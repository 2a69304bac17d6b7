"""Who there is: users, organisations with roles, tokens. `callers` turns credentials into a Caller."""

"""What keeps a hub in order: is it well, what lies around that nobody needs, what grew untidy."""

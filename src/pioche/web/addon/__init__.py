"""The add-on for Python clients, which each hub builds and hands out itself (decision 43)."""

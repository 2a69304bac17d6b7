"""Deployments whose model is answered by a server outside of this hub, by its address (decision 46)."""

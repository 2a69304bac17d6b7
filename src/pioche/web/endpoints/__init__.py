"""The pages of endpoints (issue 6 item 7): those that one has, making one, and one with its deployments, traffic and plots. All
of it works by forms; where scripts run, numbers follow by themselves."""

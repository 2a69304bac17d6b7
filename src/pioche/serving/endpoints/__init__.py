"""Endpoints: a stable address over deployments of models, each a revision, with traffic that is moved between them.

    endpoint     what an endpoint is, and what may be asked of one
    finding      which there are, and who may see, ask and change them
    changing     making them, deploying to them, moving their traffic, ending them
    rights       whose rights a deployment has, and whether it still has them
    tallies      how many requests, failures, and how long they took
    rollouts     whether a rollout goes on, ends, or is taken back: no clock and no database
    scaling      how many replicas: no clock and no database
    routing      which deployment answers a request
    traffic      asks it, the next one where it fails, and counts
    history      what the minutes of the last day were like, and what happened

A controller of inference (`serving.controller.deploying`) does what these say. Why so: docs/decisions/0040-endpoints.md.
"""

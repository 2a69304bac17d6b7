"""Work that happens after the answer: events delivered, jobs run. Both are rows, written in the transaction of the change."""

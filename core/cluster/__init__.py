"""Workers on other machines: jobs in PostgreSQL, one lane for each worker's time, sealed volumes through a shared place.

The only writer of the archive stays the service of its home. A worker visits mailboxes and writes a lane of its own; it has
no catalog. The home fetches the lane's sealed volumes, anchors them and applies them; only then does a mailbox count as done,
and only then may anything be deleted on its server.

What holds here:

- Everything that a worker reports is a statement under the number of its session and of its job. A session that was closed can
  report nothing any more, so the order of closing and reporting in PostgreSQL decides what is part of the archive.
- A mailbox has one live job. The number of a job is its fencing number: PostgreSQL gives them in ascending order.
- PostgreSQL holds nothing that cannot be made anew: without it runs stand still, and nothing of the archive is lost.
- Passwords lie there sealed to the workers' key alone.
"""

"""Whether the database holds what the archive says it must: every expected anomaly, no other, every dead letter.

`expected` puts the archive through the code that runs live, `stored` reads the database, `comparison` holds both
against each other by id. `horizon` says up to when all of it has arrived on either side.
"""

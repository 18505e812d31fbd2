"""Where moto 5.2.5 does not answer as AWS does, so that Terraform would wait, fail or find changes.

Each correction is in memory alone and names its reason. Written for that one version.
"""

from tests.infra.emulator.corrections import (
    buckets,
    database,
    mail,
    network,
    queries,
    scaling,
    secrets,
    services,
    stream,
)


def correct() -> None:
    for part in (buckets, database, mail, network, queries, scaling, secrets, services, stream):
        part.correct()

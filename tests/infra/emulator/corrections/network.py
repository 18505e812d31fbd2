"""EC2 forgets the description of a rule whose other end is a group or a prefix list."""

from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

from tests.infra.emulator.replacing import replace


def correct() -> None:
    make = SecurityGroupRule.__init__

    def make_described(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        ends = [end for end in [*arguments, *named.values()] if isinstance(end, dict)]
        self.said = next((end["Description"] for end in ends if "Description" in end), None)

    def description(self: Any) -> Any:
        return self.ip_range.get("Description", self.said)

    replace(SecurityGroupRule, __init__=make_described, description=property(description))

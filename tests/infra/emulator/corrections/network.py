"""EC2 forgets the description of a rule whose other end is a group or a prefix list."""

from typing import Any

from moto.ec2.models.security_groups import SecurityGroupRule

from tests.infra.emulator.replacing import replace


def correct() -> None:
    make = SecurityGroupRule.__init__

    def make_described(self: Any, *arguments: Any, **named: Any) -> None:
        make(self, *arguments, **named)
        ends = [self.ip_range, self.source_group, named.get("prefix_list_id") or {}]
        self.said = next((end["Description"] for end in ends if "Description" in end), None)

    replace(SecurityGroupRule, __init__=make_described, description=property(lambda self: self.said))

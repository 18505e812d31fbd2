"""Application Auto Scaling knows no tags: its ListTagsForResource is an internal error, asked again for ten minutes."""

import json
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse

from tests.infra.emulator.replacing import replace


def correct() -> None:
    tags: dict[str, dict[str, str]] = {}
    register = ApplicationAutoScalingResponse.register_scalable_target

    def register_with_tags(self: Any) -> str:
        answer: str = register(self)
        tags.setdefault(json.loads(answer)["ScalableTargetARN"], {}).update(self._get_param("Tags") or {})
        return answer

    def tag(self: Any) -> str:
        tags.setdefault(self._get_param("ResourceARN"), {}).update(self._get_param("Tags"))
        return "{}"

    def untag(self: Any) -> str:
        for name in self._get_param("TagKeys"):
            tags.get(self._get_param("ResourceARN"), {}).pop(name, None)
        return "{}"

    def list_tags(self: Any) -> str:
        return json.dumps({"Tags": tags.get(self._get_param("ResourceARN"), {})})

    replace(
        ApplicationAutoScalingResponse,
        register_scalable_target=register_with_tags,
        list_tags_for_resource=list_tags,
        tag_resource=tag,
        untag_resource=untag,
    )

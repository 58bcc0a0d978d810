"""Launch templates and their versions."""

from typing import Any

from tools.cloud import TemplateVersion


def template_versions(calls: Any, template_id: str) -> tuple[TemplateVersion, ...]:
    raise NotImplementedError

"""Ray's own parser on one cluster file: YAML on stdin, one JSON document on stdout. Run as a program, alone.

It goes as far as `ray up` goes before it asks AWS: load, defaults, schema, legacy fields, the provider's bootstrap
where a step needs no answer of AWS, and the autoscaler's own reading. No socket is opened.
"""

import json
import logging
import os
import socket
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from traceback import extract_tb
from typing import Any


class Offline(Exception):
    """The step needs AWS."""


def _refuse(*_arguments: Any, **_options: Any) -> Any:
    raise Offline("a step asks for the network")


def main() -> int:
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    socket.create_connection = _refuse
    socket.getaddrinfo = _refuse
    logging.disable(logging.CRITICAL)
    text, answers, steps = sys.stdin.read(), sys.stdout, list[str]()

    def tell_problem(kind: type[BaseException], error: BaseException, trace: Any) -> None:
        # Ray prints the reason of an assertion and raises an empty one
        places = [f.name for f in extract_tb(trace) if not f.filename.endswith("cli_logger.py")]
        message = str(getattr(error, "message", None) or error)[:300] or f"in {places[-1]}"
        print(json.dumps({"steps": steps, "problem": f"{kind.__name__}: {message}"}), file=answers)

    sys.excepthook = tell_problem  # whatever Ray raises is its answer
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        made = _parse(text, steps)
    print(json.dumps({"steps": steps, "problem": None} | made))
    return 0


def _parse(text: str, steps: list[str]) -> dict[str, Any]:
    import yaml  # type: ignore[import-untyped]

    config = yaml.safe_load(text)
    steps.append("load")
    from ray.autoscaler._private.util import check_legacy_fields, prepare_config, validate_config

    for group in config.get("available_node_types", {}).values():
        group.setdefault("resources", {})  # as the provider fills them in, from EC2's description of the type
    config = prepare_config(config)
    steps.append("prepare_config")
    validate_config(config)
    steps.append("validate_config")
    if config["provider"]["type"] == "aws":
        check_legacy_fields(config)
        config = _bootstrap(config, steps)
    from ray.autoscaler.v2.instance_manager.config import AutoscalingConfig

    read = AutoscalingConfig(config, skip_content_hash=True)
    groups = {n: [c.min_worker_nodes, c.max_worker_nodes, c.priority] for n, c in read.get_node_type_configs().items()}
    steps.append("AutoscalingConfig")
    return {"groups": groups, "most_nodes": read.get_max_num_nodes()}


def _bootstrap(cluster: dict[str, Any], steps: list[str]) -> dict[str, Any]:
    """The steps of bootstrap_aws that need no answer of AWS; subnets and security groups are asked for by `ray up`."""
    from ray.autoscaler._private.aws import config as steps_of_ray

    aws: Any = steps_of_ray
    cluster["head_node"] = {}
    cluster = aws._configure_from_network_interfaces(cluster)  # noqa: SLF001 - `ray up` itself would go on to ask AWS
    head = cluster["available_node_types"][cluster["head_node_type"]]
    if "IamInstanceProfile" in head["node_config"]:
        cluster = aws._configure_iam_role(cluster)  # noqa: SLF001
    if "ssh_private_key" in cluster["auth"]:
        cluster = aws._configure_key_pair(cluster)  # noqa: SLF001
    aws._check_ami(cluster)  # noqa: SLF001
    steps.append("bootstrap_aws (offline steps)")
    return cluster


if __name__ == "__main__":
    sys.exit(main())

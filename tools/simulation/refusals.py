"""How AWS words the troubles that the fault layer causes: status, code and message by service.

Source  common errors of the EC2, query and JSON services; S3's error responses
"""

from tools.simulation.wire import Request

# by kind, each for EC2, the query services, S3 and the JSON services
_CODES = {
    "throttle": ("RequestLimitExceeded", "Throttling", "SlowDown", "ThrottlingException"),
    "error-500": ("InternalError", "InternalFailure", "InternalError", "InternalFailure"),
    "error-503": ("Unavailable", "ServiceUnavailable", "ServiceUnavailable", "ServiceUnavailableException"),
    "access-denied": ("UnauthorizedOperation", "AccessDenied", "AccessDenied", "AccessDeniedException"),
    "expired-credentials": ("RequestExpired", "ExpiredToken", "ExpiredToken", "ExpiredTokenException"),
    "token-mismatch": ("IdempotentParameterMismatch",) * 4,
    "insufficient-capacity": ("InsufficientInstanceCapacity",) * 4,
}
_STATUS = {
    "throttle": (503, 400, 503, 400),
    "error-500": (500, 500, 500, 500),
    "error-503": (503, 503, 503, 503),
    "access-denied": (403, 403, 403, 400),
    "expired-credentials": (400, 403, 400, 400),
    "token-mismatch": (400, 400, 400, 400),
    "quota": (400, 400, 400, 400),
    "insufficient-capacity": (500, 500, 500, 500),
}
_TEXTS = {
    "throttle": "Request limit exceeded.",
    "error-500": "An internal error has occurred",
    "error-503": "The service is unavailable. Please try again shortly.",
    "expired-credentials": "The security token included in the request is expired",
    "token-mismatch": "The client token you have provided is not unique to this request: its parameters are others.",
    "quota": "You have requested more capacity than your current limit allows.",
    "insufficient-capacity": "There is no Spot capacity available that matches your request.",
}
_STORED = {
    "CreateVolume": "VolumeLimitExceeded",
    "CreateSnapshot": "SnapshotLimitExceeded",
    "CreateSnapshots": "SnapshotLimitExceeded",
}
_WHO = "User: arn:aws:iam::123456789012:user/spotwarden is not authorized to perform"
_WIRES = {"ec2": 0, "query": 1, "rest-xml": 2}


def fault_error(request: Request, kind: str) -> tuple[int, str, str]:
    """Status, code and message that AWS uses for a trouble on this service.

    kind  throttle | error-500 | error-503 | access-denied | expired-credentials | token-mismatch | quota |
          insufficient-capacity
    """
    place = _WIRES.get(request.protocol, 3)
    text = _TEXTS.get(kind) or f"{_WHO}: {request.service}:{request.operation}"
    code = quota_code(request) if kind == "quota" else _CODES[kind][place]
    return _STATUS[kind][place], code, text


def short_of(request: Request, kind: str) -> tuple[float, str] | None:
    """The share that is done of a call that this fault meets half way, and AWS's code for the rest.

    None = the call is done whole, or refused whole: only an instant fleet says a lack of capacity item by item
    """
    if kind == "partial":
        return 0.5, "InsufficientInstanceCapacity"
    instant = request.operation == "CreateFleet" and request.parameters.get("Type") == "instant"
    if instant and kind == "insufficient-capacity":
        return 0.0, "InsufficientInstanceCapacity"
    return (0.0, quota_code(request)) if instant and kind == "quota" else None


def quota_code(request: Request) -> str:
    """Which limit EC2 would name: that of volumes, of snapshots, of spot instances, or of on-demand vCPUs."""
    if request.operation in _STORED:
        return _STORED[request.operation]
    said = [str(v).lower() for k, v in request.parameters.items() if k.endswith(("MarketType", "TargetCapacityType"))]
    spot = "spot" in said or request.operation in ("RequestSpotFleet", "RequestSpotInstances")
    return "MaxSpotInstanceCountExceeded" if spot else "VcpuLimitExceeded"

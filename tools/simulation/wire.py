"""What a request is, on AWS's wires: service, operation, protocol, parameters; and how errors are said there."""

import io
import json
import re
from dataclasses import dataclass, replace
from html import escape
from typing import Any
from urllib.parse import parse_qsl

_JSON_SERVICES = {"AWSPriceListService": "pricing", "AmazonSQS": "sqs", "AWSEvents": "events", "AmazonSSM": "ssm"}
_S3_WRITES = {"PUT": "PutObject", "DELETE": "DeleteObject", "POST": "PostObject"}
_READ_VERBS = ("Describe", "Get", "List", "Search", "Head", "Receive", "Query", "Select", "Scan", "AssumeRole")


TOKENS = {
    **dict.fromkeys(
        (
            "RunInstances",
            "CreateFleet",
            "CreateLaunchTemplate",
            "CreateLaunchTemplateVersion",
            "ModifyLaunchTemplate",
            "CopyImage",
            "CreateVolume",
            "RequestSpotInstances",
            "CreateCapacityReservation",
            "LaunchInstances",
            "CreateSavingsPlan",
        ),
        "ClientToken",
    ),
    "RequestSpotFleet": "SpotFleetRequestConfig.ClientToken",
}
"""operation → the parameter that makes it idempotent; ModifyFleet and all of Auto Scaling's updates have none"""


@dataclass(frozen=True)
class Request:
    """One HTTP request, understood as far as the fault layer and the effect log need."""

    service: str
    operation: str
    protocol: str
    """ec2 | query | json | rest-json | rest-xml"""
    parameters: dict[str, Any]
    body: bytes
    dry_run: bool
    access_key: str = ""
    """whose signature it bears; "" = none"""
    user_agent: str = ""

    @property
    def mutates(self) -> bool:
        return not self.operation.startswith(_READ_VERBS) and not self.dry_run

    @property
    def client_token(self) -> str | None:
        """What makes the call idempotent; None = it has no such thing."""
        token = self.parameters.get(TOKENS[self.operation]) if self.operation in TOKENS else None
        return str(token) if token else None


def read_request(environ: dict[str, Any]) -> Request:
    """Reads the body and puts it back for whoever is next."""
    return replace(
        _understood(environ),
        access_key=_signature(environ)[0],
        user_agent=str(environ.get("HTTP_USER_AGENT", "")),
    )


def _understood(environ: dict[str, Any]) -> Request:
    body = _body(environ)
    service = _signature(environ)[1]
    target = str(environ.get("HTTP_X_AMZ_TARGET", ""))
    path = str(environ.get("PATH_INFO", ""))
    if target:
        prefix, _, operation = target.rpartition(".")
        name = _JSON_SERVICES.get(prefix, service or prefix.partition("_")[0].lower())
        return Request(name, operation, "json", _json(body), body, dry_run=False)
    if str(environ.get("CONTENT_TYPE", "")).startswith("application/x-www-form-urlencoded"):
        form = dict(parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True))
        operation = form.pop("Action", "")
        form.pop("Version", None)
        name = service or "ec2"
        dry = form.get("DryRun") == "true"
        return Request(name, operation, "ec2" if name == "ec2" else "query", form, body, dry_run=dry)
    if service == "savingsplans":
        return Request(service, path.strip("/"), "rest-json", _json(body), body, dry_run=False)
    return _s3(environ, service or "s3", path, body)


def _s3(environ: dict[str, Any], service: str, path: str, body: bytes) -> Request:
    method = str(environ["REQUEST_METHOD"])
    bucket, _, key = path.strip("/").partition("/")
    query = str(environ.get("QUERY_STRING", ""))
    if method in _S3_WRITES:
        operation = _S3_WRITES[method] if key else {"PUT": "CreateBucket", "DELETE": "DeleteBucket"}.get(method, "")
        if method == "POST":
            parts = {"delete": "DeleteObjects", "uploads": "CreateMultipartUpload"}
            operation = next((v for k, v in parts.items() if k in query), "CompleteMultipartUpload")
        elif method == "PUT" and "uploadId" in query:
            operation = "UploadPart"
    else:
        operation = (
            ("GetObject" if key else "ListObjectsV2") if method == "GET" else f"Head{'Object' if key else 'Bucket'}"
        )
    parameters = {"Bucket": bucket, "Key": key, "Bytes": len(body)}
    if environ.get("HTTP_IF_NONE_MATCH"):
        parameters["IfNoneMatch"] = environ["HTTP_IF_NONE_MATCH"]
    return Request(service, operation, "rest-xml", parameters, body, dry_run=False)


def _body(environ: dict[str, Any]) -> bytes:
    length = environ.get("CONTENT_LENGTH")
    stream = environ["wsgi.input"]
    if length:
        body = stream.read(int(length))
    elif "chunked" in str(environ.get("HTTP_TRANSFER_ENCODING", "")).lower():
        body = stream.read()
        environ.pop("HTTP_TRANSFER_ENCODING")
    else:
        body = b""
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = io.BytesIO(body)
    return bytes(body)


def _signature(environ: dict[str, Any]) -> tuple[str, str]:
    """Access key and service in the signature's scope; "" when the request is not signed."""
    header = str(environ.get("HTTP_AUTHORIZATION", ""))
    found = re.search(r"Credential=([^/]+)/\d{8}/[^/]+/([^/]+)/", header)
    return (found.group(1), found.group(2).lower()) if found else ("", "")


def _json(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body or b"{}")
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def error_answer(request: Request, status: int, code: str, message: str, request_id: str) -> tuple[int, str, bytes]:
    """Status, content type and body of an AWS error on the request's own wire."""
    code_x, message_x = escape(code), escape(message)
    if request.protocol in ("json", "rest-json"):
        return status, "application/x-amz-json-1.0", json.dumps({"__type": code, "message": message}).encode()
    if request.protocol == "ec2":
        inner = f"<Errors><Error><Code>{code_x}</Code><Message>{message_x}</Message></Error></Errors>"
        return status, "text/xml", f"<Response>{inner}<RequestID>{request_id}</RequestID></Response>".encode()
    if request.protocol == "query":
        kind = "Sender" if status < 500 else "Receiver"
        inner = f"<Error><Type>{kind}</Type><Code>{code_x}</Code><Message>{message_x}</Message></Error>"
        text = f"<ErrorResponse>{inner}<RequestId>{request_id}</RequestId></ErrorResponse>"
        return status, "text/xml", text.encode()
    text = f"<Error><Code>{code_x}</Code><Message>{message_x}</Message><RequestId>{request_id}</RequestId></Error>"
    return status, "application/xml", text.encode()

"""Ray on spot: what is wrong in a cluster file, and a file that is planned anew."""

import re
from collections.abc import Sequence
from typing import Any

from agent.models.planner.answers import words
from agent.models.planner.answers.common import rows_of, texts_of, trouble
from agent.models.planner.figures import basis, named, number, plainly, told
from agent.models.planner.keeping_words import cluster_file, wants_plan
from agent.models.planner.text import normal
from agent.models.planner.walk import Walk

_SHOWN = 8
_WORKERS = 16
"""spot nodes at most where nobody says how many"""
Row = dict[str, Any]


def ray(walk: Walk) -> list[str]:
    """A file that is named is reviewed; a plan is made when one is asked for."""
    path, plans = cluster_file(walk.question.text), wants_plan(normal(walk.question.text))
    if not walk.offers("review_ray_cluster" if path and not plans else "plan_ray_cluster"):
        return words.cluster(walk)
    if plans:
        return _plan(walk)
    return _which(walk) if path is None else _review(walk, path)


def _which(walk: Walk) -> list[str]:
    """A cluster that runs is not read from here; its file is."""
    return [
        walk.say(
            "**Which cluster file? Say “review cluster.yaml”: a cluster file, script or driver below the working "
            "directory.** “Plan a ray cluster named …” draws up a new one. Ray's own state is not read from here.",
            "**어느 클러스터 파일인가요? “cluster.yaml 검토해줘”처럼 작업 디렉터리 아래의 파일을 말씀해 주세요.** "
            "“… 이름으로 레이 클러스터 계획해줘”라고 하면 새로 짭니다. 돌고 있는 Ray의 상태는 여기서 읽지 않습니다.",
        ),
        walk.say(
            "What to look for: several types and zones in each group, an on-demand head with 0 CPUs, an on-demand "
            "group behind the spot ones, a drain on the notice.",
            "볼 점: 그룹마다 여러 타입과 영역, CPU 0개의 온디맨드 head, spot 뒤의 온디맨드 그룹, 중단 때의 drain.",
        ),
    ]


def _review(walk: Walk, path: str) -> list[str]:
    seen = walk.look("review_ray_cluster", path=path)
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen, named(path))]
    body = seen.body
    errors, warnings = int(number(body.get("errors")) or 0), int(number(body.get("warnings")) or 0)
    rows = sorted(rows_of(body, "findings"), key=lambda r: (r.get("severity") != "error", number(r.get("line")) or 0))
    if not rows:
        head = walk.say(f"**{named(path)}: no fault found.**", f"**{named(path)}: 결함이 없습니다.**")
    else:
        head = walk.say(
            f"**{named(path)}: {errors} error{'' if errors == 1 else 's'}, "
            f"{warnings} warning{'' if warnings == 1 else 's'}.**",
            f"**{named(path)}: 오류 {errors}개, 경고 {warnings}개.**",
        )
    more = errors + warnings - len(rows[:_SHOWN])
    lines = [head, *(f"- {_finding(walk, r)}" for r in rows[:_SHOWN])]
    if more > 0:
        lines.append(walk.say(f"… and {more} more: ", f"… 외 {more}개: ") + f"`spotwarden ray lint {told(path, 120)}`")
    checked = "; ".join(told(c, 160) for c in texts_of(body, "checked")[:2])
    return [*lines, *([walk.say(f"- Checked: {checked}", f"- 검사: {checked}")] if checked else []), ""]


def _finding(walk: Walk, row: Row) -> str:
    rule = f"{named(row.get('rule'))}" + (f" ({told(row['row'], 20)})" if row.get("row") else "")
    line = walk.say(f"line {row.get('line')}", f"{row.get('line')}행")
    fix = f" → {plainly(row['fix'], walk.lang)}" if row.get("fix") else ""
    return f"{line}, {rule}: {plainly(row.get('why') or row.get('seen'), walk.lang, 160)}{fix}"


def _plan(walk: Walk) -> list[str]:
    """From what was told; what is missing the tool names, and nothing is made up."""
    seen = walk.look("plan_ray_cluster", **_asked(walk.question.text, walk.question.found.types))
    if seen is None:
        return []
    if not seen.ok:
        return [trouble(walk, seen), _way(walk)]
    body = seen.body
    name = named(body.get("cluster_name"))
    head = walk.say(
        f"**A plan for {name} that lints clean; nothing was written.**",
        f"**{name} 계획입니다. lint에 걸리는 것이 없습니다. 파일은 아직 쓰지 않았습니다.**",
    )
    groups = [f"- {_group(walk, g)}" for g in rows_of(body, "groups")[:_SHOWN]]
    notes = [f"- {plainly(n, walk.lang)}" for n in texts_of(body, "notes")[:4]]
    return [head, *groups, *notes, _way(walk), basis(body, walk.lang), ""]


def _way(walk: Walk) -> str:
    return walk.say(
        "`spotwarden ray plan … --out cluster.yaml` writes it; `--from OLD.yaml` keeps what is right in an old file.",
        "`spotwarden ray plan … --out cluster.yaml`이 파일을 씁니다. `--from OLD.yaml`은 기존 파일의 맞는 값을 씁니다.",
    )


def _asked(text: str, types: Sequence[str]) -> Row:
    """What a question tells of a cluster, each by its form; "" and [] = it does not tell."""
    groups, images = _all(r"sg-[0-9a-f]{8,17}", text), _all(r"ami-[0-9a-f]{8,17}", text)
    workers = re.search(r"(\d{1,3})\s*(?:spot\s+)?(?:workers?|nodes?|워커|노드|대)", text)
    return {
        "cluster_name": _after(r"(?:called|named|이름은?)", text),
        "subnet_ids": _all(r"subnet-[0-9a-f]{8,17}", text),
        "head_security_group_ids": groups[:1],
        "worker_security_group_ids": groups[1:2],
        "head_profile": _after(r"head[ -]profile", text),
        "worker_profile": _after(r"worker[ -]profile", text),
        "x86_image_id": images[0] if images else "",
        "arm_image_id": images[1] if len(images) > 1 else "",
        "spill_uri": next(iter(_all(r"s3://[\w./=-]+", text)), ""),
        "instance_types": list(types),
        "max_spot_workers": min(max(int(workers.group(1)), 1), 500) if workers else _WORKERS,
    }


def _all(pattern: str, text: str) -> list[str]:
    return list(dict.fromkeys(re.findall(pattern, text, re.ASCII)))


def _after(word: str, text: str) -> str:
    found = re.search(rf"{word}\s+([A-Za-z][\w.-]{{0,60}})", text, re.ASCII | re.IGNORECASE)
    return found.group(1) if found else ""


def _group(walk: Walk, row: Row) -> str:
    bought = "spot" if row.get("on_spot") else walk.say("on-demand", "온디맨드")
    size = f"{row.get('min_workers')}–{row.get('max_workers')}"
    return (
        f"{named(row.get('group'))}: {row.get('instance_type')}, {bought}, {size}, {', '.join(texts_of(row, 'zones'))}"
    )

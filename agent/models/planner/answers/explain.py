"""Why something was judged as it was, from this conversation first, then from the audit log; and where figures "
"are from."""

from typing import Any

from agent.models.planner.answers.common import rows_of
from agent.models.planner.answers.outcome import because
from agent.models.planner.answers.story import fleet_of, last_write, stories, told_story
from agent.models.planner.figures import basis, moment, named, number, plainly, told
from agent.models.planner.walk import Walk


def explain(walk: Walk) -> list[str]:
    """The clause that spoke and its reason: of the change spoken of, or of the newest ones of the fleet named."""
    last = last_write(walk)
    if last is not None and walk.question.fleets in {(), (str(last.arguments.get("fleet")),)}:
        name, reasons = named(last.arguments.get("fleet")), because(walk, last)
        asked = next((e.question for e in reversed(walk.earlier) if last in e.seen), "")
        said_no = [a for a in last.answer.get("answers") or [] if isinstance(a, dict) and a.get("answer") == "deny"]
        if said_no:
            by, reason = named(said_no[-1].get("by")), told(said_no[-1].get("reason") or "?", 120)
            return [
                walk.say(
                    f"**{by} refused the change of {name}: “{reason}”.**",
                    f"**{by}님이 {name} 변경을 거절: “{reason}”.**",
                ),
                walk.say(
                    f"- Asked: “{told(asked, 120)}”; nothing was changed",
                    f"- 요청: “{told(asked, 120)}”; 바뀐 것은 없습니다",
                ),
            ]
        return [
            walk.say(f"**{name}: you asked for it, and the policy judged it.**",
                     f"**{name}: 요청하신 변경을 정책이 판정한 결과입니다.**"),
            walk.say(f"- Asked: “{told(asked, 120)}”", f"- 요청: “{told(asked, 120)}”"),
            *reasons,
        ]  # fmt: skip
    if refused := _refused_before(walk):
        return refused
    found = stories(walk)
    if found is None:
        return []
    if not found:
        of = ", ".join(named(n) for n in walk.question.fleets[:2])
        return [
            walk.say(
                f"**No proposal{' for ' + of if of else ''} is in the audit log, so nothing was denied through "
                f"spotwarden.** "
                "Ask for the change: the clause that speaks is shown with its reason. `spotwarden policy explain` "
                "reads "
                "the whole policy in prose.",
                f"**감사 로그에 {of + ' ' if of else ''}제안이 없어 spotwarden이 거부한 것은 없습니다.** 변경을 "
                f"요청하면 적용된 조항과 "
                "이유를 보여 드립니다. `spotwarden policy explain`은 정책 전체를 풀어서 설명합니다.",
            ),
            *_kept_alone(walk),
        ]
    subject = named(fleet_of(found[0]) or "?")
    head = walk.say(f"**The newest of {subject}, with the clause that spoke:**", f"**{subject}의 최근 판정과 조항:**")
    return [head, *(told_story(walk, s) for s in found[:2])]


def _refused_before(walk: Walk) -> list[str]:
    """What a tool said when a change could not even be drawn up."""
    for seen in reversed(walk.earlier[-1].seen if walk.earlier else ()):
        meant = not walk.question.fleets or seen.arguments.get("fleet") in walk.question.fleets
        if seen.tool in {"preview_change", "change_fleet"} and not seen.ok and meant:
            hint = f" {plainly(seen.hint, walk.lang)}" if seen.hint else ""
            text = walk.say("Because", "이유")
            return [
                f"**{text}: {plainly(seen.error, walk.lang)}.**{hint}",
                *_kept_alone(walk, str(seen.arguments.get("fleet"))),
            ]
    return []


def _kept_alone(walk: Walk, name: str = "") -> list[str]:
    """What the money says of the fleet, where it speaks against a change."""
    fleet = name or next(iter(walk.question.fleets), "")
    money = walk.look("report_costs") if fleet else None
    rows = rows_of(money.body, "fleets") if money is not None else []
    row: dict[str, Any] = next((r for r in rows if r.get("fleet") == fleet), {})
    if money is None or (number(row.get("potential_usd_per_hour")) or 0) >= 0:
        return []
    return [f"- {named(fleet)}: {plainly(row.get('potential_note') or '', walk.lang)}", basis(money.body, walk.lang)]


def provenance(walk: Walk) -> list[str]:
    """Where the figures come from and how old they are: of the answer before, else in general."""
    seen = [s for e in walk.earlier[-1:] for s in e.seen if s.ok and s.body.get("as_of")]
    lines = [
        walk.say(
            "**Every figure is read by a tool when you ask, and nothing is made up:** fleets from EC2 Auto "
            "Scaling and EC2 "
            "Fleet, spot prices from EC2 DescribeSpotPriceHistory, on-demand rates from the AWS Price List, "
            "commitments "
            "from Savings Plans, history from the audit log. Billing data is not read.",
            "**모든 수치는 질문할 때 도구가 읽은 값이며 지어내지 않습니다:** fleet은 EC2 Auto Scaling·EC2 Fleet, "
            "spot 가격은 "
            "EC2 DescribeSpotPriceHistory, 온디맨드 단가는 AWS Price List, 약정은 Savings Plans, 이력은 감사 "
            "로그. 청구 "
            "자료는 읽지 않습니다.",
        )
    ]
    lines += [
        f"- `{one.tool}`: {moment(one.body.get('as_of'), walk.lang)}, {told(one.body.get('source') or '?', 120)}"
        for one in seen[:4]
    ]
    if not seen:
        lines.append(
            walk.say("Under each answer stands its time (as of) and source.", "답변 끝에 기준 시각과 출처가 있습니다.")
        )
    return lines

"""What the approval card says, as text: pure functions of the proposal and the decision."""

import re
from collections import Counter
from decimal import Decimal

from rich.cells import cell_len
from textual.content import Content

from policies.records import Decision, Proposal
from tools.records import FieldChange, HourlyCost, Preview
from tui.safe_text import fit, hung, mixes_scripts, plain, safe_text
from tui.widgets.glyphs import RISK_STYLE, Glyphs, usd

FIRST_IDS = 3
FIRST_LINES = 8
LABEL = 10
FIELD = 25
DIGEST = 12
_LABELS = frozenset({"", "money", "risk", "calls", "after", "policy", "warning", "proposed", "computed", "digests"})
_CLAUSE = re.compile(rf" {{{LABEL}}}\S (?:allow|ask|deny) ")
_SIGN_STYLE = {"+": "$success", "~": "$warning", "-": "$error", "-/+": "$error"}
_VERDICT_STYLE = {"allow": "$success", "ask": "$warning", "deny": "$error"}


def title(proposal: Proposal, decision: Decision, status: str) -> Content:
    head = {"pending": "APPROVE?"}.get(status, status.upper())
    if decision.verdict == "deny":
        head = "DENIED"
    types = ", ".join(proposal.action.types)
    return Content.assemble(
        Content.styled(f"{head}  ", "bold $accent"),
        plain(proposal.fleet.label, "bold"),
        plain(f"  {types}", limit=200),
    )


def body(proposal: Proposal, decision: Decision, *, glyphs: Glyphs, whole_diff: bool, why: bool, width: int) -> Content:
    """Everything a person must weigh; targets and money first.

    width   columns
    """
    lines = [
        *_warned(proposal),
        *_diff(proposal.preview, glyphs, whole=whole_diff, width=width),
        Content(""),
        *_money(proposal.preview, glyphs),
        _risk(proposal.preview, glyphs),
        _calls(proposal.preview),
        *_watched(proposal),
        Content(""),
        *_policy(decision, glyphs, every=why),
        *_warnings(proposal.preview),
        Content(""),
        *_proposer(proposal, whole=why),
        *(_evidence(proposal) if why else ()),
        _digests(proposal, decision),
    ]
    return Content("\n").join(x if "\n" in x.plain else hung(x, width, _indent(x.plain)) for x in lines)


def _indent(text: str) -> int:
    """Columns before the words: of a clause, of a row with a label, of a list of instances."""
    if _CLAUSE.match(text):
        return LABEL + 8
    return LABEL if text[:LABEL].rstrip() in _LABELS else 4


def _row(label: str, *words: Content | str) -> Content:
    return Content.assemble(Content.styled(fit(label, LABEL), "$muted"), *words)


def _warned(proposal: Proposal) -> list[Content]:
    if not mixes_scripts(proposal.fleet.fleet_id):
        return []
    words = "! this fleet's name mixes alphabets: it may look like another one"
    return [Content.styled(words, "bold $error"), Content("")]


def _diff(preview: Preview, glyphs: Glyphs, *, whole: bool, width: int) -> list[Content]:
    if not preview.changes and not preview.replaced_instances:
        return [Content.styled("no field changes", "$muted")]
    shown = preview.changes if whole else preview.changes[:FIRST_LINES]
    lines = [_field(change, glyphs, width) for change in shown]
    if len(shown) < len(preview.changes):
        lines.append(Content.styled(f"    {len(preview.changes) - len(shown)} more fields: d shows them", "$muted"))
    return lines + _replaced(preview, whole=whole)


def _field(change: FieldChange, glyphs: Glyphs, width: int) -> Content:
    name = safe_text(change.field, limit=200)
    long = cell_len(name) > FIELD
    line = Content.assemble(
        Content.styled(f"{change.sign:<4}", f"bold {_SIGN_STYLE[change.sign]}"),
        (name if long else fit(name, FIELD)) + " ",
        plain(change.before, "$muted", limit=200),
        Content.styled(f" {glyphs.arrow} ", "$muted") if change.before and change.after else "",
        plain(change.after, "bold", limit=200),
    )
    return hung(line, width, 6 if long else 4 + FIELD + 1)


def _replaced(preview: Preview, *, whole: bool) -> list[Content]:
    ids = preview.replaced_instances
    if not ids:
        return [Content.assemble(Content.styled("=   ", "$muted"), "no running instance is replaced")]
    named = ids if whole else ids[:FIRST_IDS]
    rest = f" and {len(ids) - len(named)} more (d)" if len(named) < len(ids) else ""
    return [
        Content.assemble(
            Content.styled(f"{preview.ends_sign:<4}", "bold $error"), Content.styled(preview.ends_said, "bold")
        ),
        plain(f"    {', '.join(named)}{rest}", "$muted", limit=4000),
    ]


def _money(preview: Preview, glyphs: Glyphs) -> list[Content]:
    before, after = preview.cost_before, preview.cost_after
    if _is_apart(preview):
        stays = Content.styled("what instances cost by the hour stays as it is", "$muted")
        if not preview.added_cost_usd_per_day:
            return [_row("money", stays)]
        added = f"list {glyphs.delta} {usd(preview.added_cost_usd_per_day, sign=True)}/day for storage; "
        return [_row("money", Content.assemble(Content.styled(added, "bold"), stays))]
    pairs = (
        ("list", before.list_usd_per_hour, after.list_usd_per_hour),
        ("contracted", before.contracted_usd_per_hour, after.contracted_usd_per_hour),
        ("effective", before.effective_usd_per_hour, after.effective_usd_per_hour),
    )
    lines = [
        _row(
            "money" if basis == "list" else "",
            Content.styled(
                f"{basis:<11}{usd(was):>9} {glyphs.arrow} {usd(now):>9} /h   {glyphs.delta} {_per_day(was, now)}/day",
                "bold" if basis == "effective" else "$muted",
            ),
        )
        for basis, was, now in pairs
    ]
    if preview.added_cost_usd_per_day is None:
        lines.append(_row("", Content.styled("! what it costs is unknown: a price is missing", "bold $warning")))
    waste = _waste(before, after)
    return [*lines, _row("", Content.styled(waste, "$warning"))] if waste else lines


def _is_apart(preview: Preview) -> bool:
    """It touches no instance: what those cost was not computed, and only storage is paid for."""
    before = preview.cost_before
    known = (before.list_usd_per_hour, before.contracted_usd_per_hour, before.effective_usd_per_hour)
    return before == preview.cost_after and known == (None, None, None) and preview.added_cost_usd_per_day is not None


def _per_day(was: Decimal | None, now: Decimal | None) -> str:
    return "unknown" if was is None or now is None else usd((now - was) * 24, sign=True)


def _waste(before: HourlyCost, after: HourlyCost) -> str:
    was, now = before.unused_commitment_usd_per_hour, after.unused_commitment_usd_per_hour
    if was is None or now is None or now <= was:
        return ""
    return f"! commitment left unused grows by {usd(now - was)}/h"


def _risk(preview: Preview, glyphs: Glyphs) -> Content:
    was, now = preview.risk_before, preview.risk_after
    undo = Content.styled(f"   undo: {'yes' if preview.reversible else 'NO'}", "$muted")
    if _is_apart(preview):
        return _row("risk", Content.styled("stays as it is", "$muted"), undo)
    return _row(
        "risk",
        Content.styled(f"{glyphs.risk[was]} {was}", RISK_STYLE[was]),
        f" {glyphs.arrow} ",
        Content.styled(f"{glyphs.risk[now]} {now}", RISK_STYLE[now]),
        undo,
    )


def _calls(preview: Preview) -> Content:
    """Each once, with how often."""
    counted = Counter(preview.calls)
    words = ", ".join(call + (f" x {n}" if n > 1 else "") for call, n in counted.items()) or "none"
    return _row("calls", plain(words, limit=600))


def _watched(proposal: Proposal) -> list[Content]:
    care = proposal.aftercare
    if care is None or (care.verify_seconds is None and care.undoes is None):
        return []
    then = "set back" if care.on_fail == "rollback" else "told to a person"
    words = [f"undoes {care.undoes}"] if care.undoes else []
    if care.verify_seconds is not None:
        words.append(f"watched {care.verify_seconds / 60:g} min after it is applied; {then} when that fails")
    return [_row("after", plain("; ".join(words), limit=300))]


def _policy(decision: Decision, glyphs: Glyphs, *, every: bool) -> list[Content]:
    verdict = Content.styled(decision.verdict.upper(), f"bold {_VERDICT_STYLE[decision.verdict]}")
    lines = [_row("policy", verdict, plain(f"  {decision.policy or 'no policy applies'}, mode {decision.mode}"))]
    said = [s for s in decision.said if every or s.verdict != "allow"]
    quiet = len(decision.said) - len(said)
    for clause in said:
        mark = glyphs.ok if clause.verdict == "allow" else glyphs.warn if clause.verdict == "ask" else glyphs.bad
        style = _VERDICT_STYLE[clause.verdict]
        words = f"{clause.clause}: {clause.reason}"
        lines.append(_row("", Content.styled(f"{mark} {clause.verdict:<5} ", style), plain(words, limit=300)))
    if quiet:
        lines.append(_row("", Content.styled(f"{glyphs.ok} allow  {quiet} more clauses: w shows them", "$muted")))
    if not decision.said:
        lines += [_row("", plain(reason, limit=300)) for reason in decision.reasons]
    return lines


def _warnings(preview: Preview) -> list[Content]:
    return [_row("warning", plain(w, "$warning", limit=300)) for w in preview.warnings]


def _proposer(proposal: Proposal, *, whole: bool) -> list[Content]:
    words = proposal.rationale or "gave no reason"
    return [
        _row("proposed", plain(f"by {proposal.proposed_by}, {proposal.created_at:%Y-%m-%d %H:%M:%SZ}")),
        _row("", Content.styled("the proposer's words, not checked: ", "$muted")),
        _row(
            "", plain(words if whole else " ".join(words.split()), "italic", limit=4000 if whole else 200, lines=whole)
        ),
    ]


def _evidence(proposal: Proposal) -> list[Content]:
    preview = proposal.preview
    prices = f"{preview.price_as_of:%Y-%m-%d %H:%M:%SZ}" if preview.price_as_of else "unknown"
    return [
        _row("computed", plain(f"{preview.as_of:%Y-%m-%d %H:%M:%SZ} from {preview.source}; oldest price {prices}")),
    ]


def _digests(proposal: Proposal, decision: Decision) -> Content:
    words = (
        f"proposal {proposal.digest[:DIGEST]} state {proposal.preview.state_fingerprint[:DIGEST]}"
        f" policy {decision.policy_digest[:DIGEST]}"
    )
    return _row("digests", plain(words, "$muted"))

"""How jobs are asked about: as work with a deadline, or as work to bring back. A fleet's checkpoints are asked else."""

RECOVER = (
    r"\brecover\b.{0,30}\bjob\b|\bbring\b.{0,20}\bjob\b.{0,20}\bback\b"
    r"|(?:작업|\bjob)\S{0,3}\s?.{0,12}(?:복구해|복구\s?시켜|되살려)"
)
BRING_BACK = r"\b(?:recover|resume|restore|restart)\b|\bbring\b.{0,30}\bback\b|복구|되살|재개|복원"
"""said of a job by its name alone"""
ASKED = (
    r"\bjobs?\b.{0,40}\b(?:status|deadlines?|eta|slack|late|on time|in time|recover(?:y|ies|ing)?)\b"
    r"|\b(?:status|deadlines?|eta|slack|recover(?:y|ies)?)\b.{0,30}\bjobs?\b|\b(?:meet|make|miss)\b.{0,20}\bdeadlines?\b"
    r"|\bjob (?:store|list)\b|\b(?:list|show)\b.{0,15}\bjobs\b|(?:작업|\bjob)\S{0,3}\s?(?:상태|현황|목록|마감|기한)"
    r"|\bhow(?:'s| is| are)\b.{0,20}\bjobs?\b(?!.{0,20}\b(?:work|differ|priced))"
    r"|\b(?:when|how long)\b.{0,40}\bjobs?\b.{0,20}\b(?:done|finish(?:ed)?|end|ready|complete)\b"
    r"|작업\S{0,3}\s?.{0,12}(?:언제.{0,8}(?:끝|완료|마)|얼마나\s?(?:됐|진행|남)|어때|어떻게\s?(?:되|돼))"
    r"|언제.{0,12}작업\S{0,3}\s?.{0,8}(?:끝|완료)"
    r"|마감(?:까지|을|에|시간|이|은)|기한\s?(?:안|내|까지)"
)
ASKED_BY_NAME = (
    r"^(?!.*(?:savings-plan|약정|예약|commitment|reserved|checkpoint|우리|전부|모두))(?:.*(?:"
    r"\b(?:eta|deadline|slack) (?:of|for) [\w.-]+|\bwhen (?:is|will|does) [\w.-]+ (?:be )?(?:done|finish(?:ed)?|ready"
    r"|complete)\b|\bis [\w.-]+ (?:late|on time|in time|finished)\b|[\w.-]+\S{0,3}\s?언제.{0,4}(?:끝|완료)"
    r"|[\w.-]+\S{0,3}\s?(?:마감|기한)))"
)
"""of what is no fleet: then it may be a job"""

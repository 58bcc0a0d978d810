"""The clause kinds: one small class each, with the examples that are its tests."""

from policies.clauses.action import OnlyAdds, Step, StrategyValue, TypeNames, VerifiedLater
from policies.clauses.blast import Cooldown, Halt, MaxActions, MaxConcurrentFleets, MaxInstancesReplaced
from policies.clauses.clause import Clause, Example, Word, missing
from policies.clauses.data import DataLoss
from policies.clauses.ground import (
    Accounts,
    AuditChain,
    Freeze,
    KillSwitch,
    Never,
    ProtectedInstances,
    ProtectedTags,
    ScaleInProtection,
    TagsOfTheLaw,
    Target,
)
from policies.clauses.mode import (
    Approve,
    Autonomous,
    Earned,
    InWindow,
    Observe,
    SharedContext,
    Unexpired,
    When,
)
from policies.clauses.money import (
    BUDGETS,
    AddedCostBudget,
    MaxAddedCost,
    MaxPrice,
    MinNetSaving,
    SpendBudget,
    ToolCostBudget,
)
from policies.clauses.shape import (
    DesiredCapacity,
    MaxPoolShare,
    MaxPriceAge,
    MaxReplaced,
    MaxRisk,
    MinInstanceTypes,
    MinPlacementScore,
    MinZones,
    OnDemandBase,
    OnDemandInstances,
    OnDemandPercent,
    SpotFloor,
)

CLAUSES: tuple[type[Clause], ...] = (
    KillSwitch, AuditChain, Target, Accounts, ProtectedTags, ProtectedInstances, ScaleInProtection, Never, TagsOfTheLaw,
    DataLoss, Freeze,
    AddedCostBudget, ToolCostBudget, SpendBudget, MaxActions, MaxInstancesReplaced, MaxConcurrentFleets, Cooldown,
    Observe, Approve, Autonomous, InWindow, Unexpired, Earned, Halt, When,
    OnDemandBase, OnDemandPercent, OnDemandInstances, DesiredCapacity, SpotFloor,
    MinInstanceTypes, MinZones, MaxPoolShare,
    MaxPrice, MinNetSaving, MaxAddedCost, MinPlacementScore, MaxRisk, MaxPriceAge, MaxReplaced,
    StrategyValue, Step, TypeNames, OnlyAdds, VerifiedLater,
)  # fmt: skip
"""every clause kind"""

__all__ = [
    "BUDGETS", "CLAUSES", "Accounts", "AddedCostBudget", "Approve", "AuditChain", "Autonomous", "Clause", "Cooldown",
    "DataLoss", "DesiredCapacity", "Earned", "Example", "Freeze", "Halt", "InWindow", "KillSwitch",
    "MaxActions", "MaxAddedCost",
    "MaxConcurrentFleets", "MaxInstancesReplaced", "MaxPoolShare", "MaxPrice", "MaxPriceAge", "MaxReplaced", "MaxRisk",
    "MinInstanceTypes", "MinNetSaving", "MinPlacementScore", "MinZones", "Never", "Observe", "OnDemandBase",
    "OnDemandInstances", "OnDemandPercent", "OnlyAdds", "ProtectedInstances", "ProtectedTags", "ScaleInProtection",
    "SharedContext", "SpendBudget", "SpotFloor", "Step", "StrategyValue", "TagsOfTheLaw", "Target", "ToolCostBudget",
    "TypeNames",
    "Unexpired", "VerifiedLater", "When", "Word", "missing",
]  # fmt: skip

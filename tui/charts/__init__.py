"""Charts for a report, as SVG or PNG, and their small counterparts in plain text.

Drawing needs the extra `charts` (matplotlib); `tui.charts.text` needs nothing.
"""

from tui.charts.figure import check_chart
from tui.charts.price import write_price_chart
from tui.charts.reliability import write_reliability_diagram
from tui.charts.risk import write_risk_chart

__all__ = ["check_chart", "write_price_chart", "write_reliability_diagram", "write_risk_chart"]

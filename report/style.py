"""The look of every page: light and dark, screen, phone and paper."""

from __future__ import annotations

_LIGHT = {
    "page": "#f6f7f9", "card": "#ffffff", "ink": "#14181f", "soft": "#5a6372", "line": "#dde1e7", "grid": "#e9ecf0",
    "band": "#f3f5f8", "good": "#0a7d33", "warn": "#b3261e", "warn-ground": "#fdecea", "bright": "#ffffff",
}  # fmt: skip
_DARK = {
    "page": "#0f1216", "card": "#181c22", "ink": "#e9edf2", "soft": "#98a2b0", "line": "#2e353f", "grid": "#262c35",
    "band": "#1e232b", "good": "#4cc27a", "warn": "#ff8a80", "warn-ground": "#3a1d1b", "bright": "#0f1216",
}  # fmt: skip
_LIGHT_SERIES = ("#2a78d6", "#d9581f", "#14976a", "#b98000", "#c7467f", "#5b4bc4", "#c23a3a", "#4d6b82")
_DARK_SERIES = ("#5a9df0", "#f08552", "#3cc092", "#dba62e", "#e77aa8", "#9d90f0", "#ee7a7a", "#8fb0c8")

_RULES = """
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,
 "Noto Sans","Noto Sans CJK SC","PingFang SC","Microsoft YaHei",sans-serif;-webkit-text-size-adjust:100%}
main{max-width:1060px;margin:0 auto;padding:28px 20px 60px}
main.wide{max-width:1500px}
main.wide .grid{grid-template-columns:repeat(auto-fit,minmax(min(100%,520px),1fr))}
h1{font-size:26px;line-height:1.25;margin:0;overflow-wrap:anywhere}
h2{font-size:18px;margin:38px 0 12px}
h3{font-size:14px;margin:0 0 8px;font-weight:600}
p{margin:6px 0}
.soft,figcaption{color:var(--soft)}
figcaption,.small{font-size:13px}
.card,figure{background:var(--card);border:1px solid var(--line);border-radius:10px;padding:16px 18px;margin:0;
 min-width:0;break-inside:avoid}
.grid{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,400px),1fr))}
.results{display:grid;gap:14px;grid-template-columns:repeat(auto-fit,minmax(min(100%,210px),1fr));margin-top:20px}
.big{font-size:34px;font-weight:650;line-height:1.15;margin:2px 0;letter-spacing:-.01em}
.card.leaking{border-color:var(--warn)}
.leaking .big{color:var(--soft)}
.badge{display:inline-block;font-size:12px;font-weight:650;border-radius:5px;padding:1px 7px;border:1px solid
 currentColor;vertical-align:2px;white-space:nowrap}
.badge.good{color:var(--good)}
.badge.warn{color:var(--warn);background:var(--warn-ground)}
.note{border-left:3px solid var(--warn);padding:2px 12px;margin:8px 0}
.scroll{overflow-x:auto;max-width:100%}
table{border-collapse:collapse;width:100%;font-size:14px;font-variant-numeric:tabular-nums}
th,td{text-align:right;padding:5px 10px;border-bottom:1px solid var(--line);vertical-align:top;white-space:nowrap}
th:first-child,td:first-child{text-align:left;padding-left:0}
main.wide th{white-space:normal}
th{font-weight:600;font-size:13px;color:var(--soft);vertical-align:bottom}
tr:last-child td{border-bottom:0}
td small{display:block;color:var(--soft);font-size:12px}
tr.seed td{color:var(--soft);padding-top:2px;padding-bottom:2px;font-size:13px}
tr.seed td:first-child{padding-left:16px}
tr.whole td{font-weight:600}
tr.whole td small{font-weight:400}
tr.zero td{color:var(--warn)}
.sticky th:first-child,.sticky td:first-child{position:sticky;left:0;background:var(--card);padding-right:14px}
.columns{columns:3 300px;column-gap:14px}
.columns .card{margin-bottom:14px;padding:12px 16px}
dl{margin:0;display:grid;grid-template-columns:minmax(0,max-content) minmax(40%,1fr);gap:2px 14px;font-size:13px}
dt{color:var(--soft);overflow-wrap:anywhere}
dd{margin:0;text-align:right;overflow-wrap:anywhere}
pre{background:var(--card);border:1px solid var(--line);border-radius:8px;padding:12px 16px;margin:0;font-size:13px;
 white-space:pre-wrap;overflow-wrap:anywhere}
code,pre{font-family:ui-monospace,"SF Mono",Menlo,Consolas,monospace}
svg.chart{display:block;width:100%;max-width:560px;height:auto;margin:0 auto}
.chart text{font-size:12px;fill:var(--ink)}
.chart .tick{font-size:11px;fill:var(--soft)}
.chart .label,.chart .axis-title{fill:var(--soft)}
.chart .axis-title{font-weight:600}
.chart .value{font-weight:600}
.chart .grid{stroke:var(--grid)}
.chart .axis{stroke:var(--line)}
.chart .mark{stroke:var(--soft);stroke-dasharray:2 3}
.chart .band{fill:var(--band)}
.chart .band.other{fill:none}
.chart .series{fill:none;stroke:var(--c);stroke-width:2;stroke-linejoin:round;stroke-linecap:round}
.chart .faint{stroke-width:1;opacity:.5}
.chart .dot{fill:var(--c);stroke:var(--card);stroke-width:1.5}
.chart .dash1{stroke-dasharray:6 4}
.chart .dash2{stroke-dasharray:2 4}
.chart .dash3{stroke-dasharray:8 3 2 3}
.chart .bar{fill:var(--c)}
.chart .bar.doubtful{fill-opacity:.3;stroke:var(--c);stroke-dasharray:3 2}
.chart .whisker{stroke:var(--ink);stroke-width:1.5}
.chart .interval{stroke:var(--c);stroke-width:2}
.chart .seed{fill:var(--card);stroke:var(--ink)}
.chart .ground{fill:var(--band)}
.chart .hit{fill:var(--c0)}
.chart .miss{fill:var(--c1)}
.chart text.dark{fill:var(--ink)}
.chart text.bright{fill:var(--bright)}
@media (max-width:520px){main{padding:18px 12px 40px}.card,figure{padding:12px}h1{font-size:22px}
 .big{font-size:30px}
 .sticky td:first-child{white-space:normal;min-width:118px;overflow-wrap:anywhere}}
@media print{body{font-size:10.5pt;background:none}main,main.wide{max-width:none;padding:0}
 .scroll{overflow:visible}.card.scroll{break-inside:auto}h2{break-after:avoid}tr,.results .card{break-inside:avoid}
 .results{grid-template-columns:repeat(auto-fit,minmax(150px,1fr))}.grid,main.wide .grid{grid-template-columns:1fr 1fr}
 .columns{columns:2}.chart,.badge{print-color-adjust:exact;-webkit-print-color-adjust:exact}
 svg.chart{max-height:200mm}table{font-size:9.5pt}main.wide table{font-size:6.5pt}
 main.wide th,main.wide tr.seed td{font-size:6.5pt}main.wide td small{font-size:5.5pt}
 main.wide th,main.wide td{padding:3px 4px}main.wide{page:wide}@page{margin:12mm}@page wide{size:A4 landscape}}
"""


def style_sheet() -> str:
    """CSS of a page; paper is always light."""
    light, dark = _variables(_LIGHT, _LIGHT_SERIES), _variables(_DARK, _DARK_SERIES)
    series = "".join(f".chart .c{index}{{--c:var(--c{index})}}" for index in range(len(_LIGHT_SERIES)))
    return (
        f":root{{color-scheme:light dark;{light}}}"
        f"@media screen and (prefers-color-scheme:dark){{:root{{{dark}}}}}{series}{_RULES}"
    )


def _variables(colors: dict[str, str], series: tuple[str, ...]) -> str:
    named = colors | {f"c{index}": color for index, color in enumerate(series)}
    return "".join(f"--{name}:{color};" for name, color in named.items())

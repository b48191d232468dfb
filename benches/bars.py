"""The bars that botsec must reach, and whether a report reaches them. Pure: reads a report, returns rows."""

import peers
from figures import median, ratio, show


def judge(report):
    """Rows `(bar, wanted, reached, verdict)` for every case that the report has."""
    rows = []
    cases = report["cases"]
    if "sync_seq" in cases:
        rows += compared(
            cases["sync_seq"], "sync_seq CPU", [("the fastest peer", fastest, 1.0), ("native", "native", 1 / 1.25)]
        )
    if "async64" in cases:
        bars = [("pyreqwest", "pyreqwest", 1.8), ("aiohttp", "aiohttp", 4.0), ("native", "native", 0.5)]
        rows += compared(cases["async64"], "async64 req/s", bars)
    imported = cases.get("import", {}).get("rows", {}).get("botsec")
    if imported:
        rows.append(most("import, ms over bare Python", 10.0, imported.get("ms")))
        rows.append(most("import, MiB over bare Python", 12.0, imported.get("mib")))
    judged = cases.get("judge", {}).get("rows", {}).get("pipeline")
    if judged:
        rows.append(most("judging, CPU µs per request", 5.0, judged.get("cpu_us")))
    for face, row in cases.get("memory", {}).get("rows", {}).items():
        rows.append(most(f"memory {face}, MiB over 9,000 requests", 2.0, row.get("growth_mib")))
    return rows


def compared(case, title, bars):
    rows = []
    ours = case["rows"].get("botsec", {}).get("rounds", [])
    for shown, other, wanted in bars:
        name = other(case) if callable(other) else other
        theirs = case["rows"].get(name, {}).get("rounds", [])
        found = ratio(ours, theirs, more_is_better=case["more_is_better"]) if ours and theirs else None
        label = f"{title}, times as good as {shown}" + (f" ({name})" if callable(other) and name else "")
        rows.append(least(label, wanted, found))
    return rows


def fastest(case):
    """The best peer of the list in this case."""
    medians = {
        name: median(row.get("rounds", []))
        for name, row in case["rows"].items()
        if name not in peers.UNLISTED | {"botsec", "native"}
    }
    medians = {name: value for name, value in medians.items() if value is not None}
    pick = max if case["more_is_better"] else min
    return pick(medians, key=medians.get) if medians else None


def least(label, wanted, found):
    if found is None:
        return [label, f"≥ {wanted:.2f}", "not measured", "–"]
    value, low, high = found
    # The verdict is the median's; where the interval straddles the bar it says so.
    verdict = "reached" if value >= wanted else "missed"
    if low < wanted <= high:
        verdict += " (within noise)"
    return [label, f"≥ {wanted:.2f}", f"{value:.2f} ({low:.2f} to {high:.2f})", verdict]


def most(label, wanted, value):
    if value is None:
        return [label, f"≤ {wanted:.0f}", "not measured", "–"]
    return [label, f"≤ {wanted:.0f}", show(float(value)), "reached" if value <= wanted else "missed"]

"""The bars that botsec must reach, and whether a report reaches them. Pure: reads a report, returns rows."""

from figures import median, ratio, show

# The cases whose CPU per request may not differ much.
SCALING = ("async16", "async256")
# The cases in which the slowest hundredth may wait no longer than with the fastest peer.
TAILS = ("async16", "async64", "async256")
# Two clients that differ by less are as good as each other: rounds of one client differ by as much.
TIE = 0.04
# Case, what is compared, and how many times as good as whom botsec has to be. "peer" is the fastest one in that case, pycurl
# among them.
WANTED = {
    "sync_seq": ("CPU", [("peer", 1.2), ("native", 1.0)]),
    "threads8": ("req/s", [("peer", 1.1), ("native", 1.0)]),
    "async1": ("CPU", [("peer", 1 / 0.9)]),
    "async16": ("req/s", [("peer", 1.0), ("native", 0.65)]),
    "async64": ("req/s", [("peer", 1.0), ("native", 0.65), ("pyreqwest", 1.8), ("aiohttp", 4.0)]),
    "async256": ("req/s", [("peer", 1.0), ("native", 0.65)]),
    "h2_async64": ("req/s", [("peer", 1.0)]),
    "json_100k": ("CPU", [("peer", 1.0)]),
    "down_10m": ("CPU", [("peer", 1.0)]),
    "up_1m": ("CPU", [("peer", 1.0)]),
    "connect": ("CPU", [("peer", 1.0), ("native", 0.95)]),
    "new_client": ("CPU", [("peer", 1.0), ("native", 0.95)]),
}


def judge(report):
    """Rows `(bar, wanted, reached, verdict)` for every case that the report has."""
    rows = []
    cases = report["cases"]
    for name, (figure, bars) in WANTED.items():
        if name in cases:
            rows += compared(cases[name], f"{name} {figure}", bars)
    rows += [tail(cases[name], name) for name in TAILS if name in cases]
    if all(name in cases for name in SCALING):
        rows.append(scaling(cases))
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
    for other, wanted in bars:
        name = fastest(case) if other == "peer" else other
        theirs = case["rows"].get(name, {}).get("rounds", [])
        found = ratio(ours, theirs, more_is_better=case["more_is_better"]) if ours and theirs else None
        label = f"{title}, times as good as " + (f"the fastest peer ({name})" if other == "peer" else other)
        rows.append(least(label, wanted, found))
    return rows


def tail(case, name):
    """The 99th percentile of waiting against that of the peer with the most requests per second."""
    peer = fastest(case)
    ours, theirs = (case["rows"].get(who, {}).get("p99_ms", []) for who in ("botsec", peer))
    found = ratio(ours, theirs, more_is_better=False) if ours and len(ours) == len(theirs) else None
    return least(f"{name} p99, times as good as the fastest peer ({peer})", 1.0, found)


def scaling(cases):
    """How the CPU per request grows with the calls in flight."""
    few, many = (cases[name]["rows"].get("botsec", {}).get("cpu_us", []) for name in SCALING)
    found = ratio(many, few, more_is_better=True) if few and len(few) == len(many) else None
    label, wanted = "scaling, CPU per request at 256 in flight over that at 16", 1.3
    if found is None:
        return [label, f"≤ {wanted:.2f}", "not measured", "–"]
    value, low, high = found
    verdict = ("reached" if value <= wanted else "missed") + (" (within noise)" if low <= wanted < high else "")
    return [label, f"≤ {wanted:.2f}", f"{value:.2f} ({low:.2f} to {high:.2f})", verdict]


def fastest(case):
    """The best peer in this case."""
    medians = {
        name: median(row.get("rounds", [])) for name, row in case["rows"].items() if name not in {"botsec", "native"}
    }
    medians = {name: value for name, value in medians.items() if value is not None}
    pick = max if case["more_is_better"] else min
    return pick(medians, key=medians.get) if medians else None


def least(label, wanted, found):
    if found is None:
        return [label, f"≥ {wanted:.2f}", "not measured", "–"]
    value, low, high = found
    # The verdict is the median's; where the interval straddles the bar it says so.
    verdict = "reached" if value >= wanted else "a tie" if 1 - TIE <= value < wanted <= 1 else "missed"
    if low < wanted <= high:
        verdict += " (within noise)"
    return [label, f"≥ {wanted:.2f}", f"{value:.2f} ({low:.2f} to {high:.2f})", verdict]


def most(label, wanted, value):
    if value is None:
        return [label, f"≤ {wanted:.0f}", "not measured", "–"]
    return [label, f"≤ {wanted:.0f}", show(float(value)), "reached" if value <= wanted else "missed"]

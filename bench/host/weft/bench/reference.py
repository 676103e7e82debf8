# SPDX-License-Identifier: Apache-2.0
"""A run beside a reference: what the report shows of `weft bench compare` and of bench/reference.json.

    details["reference"] = beside_run(Run.load(given), Run.load(out))     # weft bench --reference DIR
    details["reference"] = beside_gate(the_gates, results)                # without: as far as it fits

The gate's reference has icount figures of the suite `quick` only. It is compared in the medians, which do not
depend on how many samples a suite takes; the other statistics do.
"""

from __future__ import annotations

from typing import Any

from weft.bench import gate
from weft.bench.compare import Run, compare, params_text
from weft.bench.errors import BenchError


def beside_run(before: Run, after: Run) -> dict[str, Any]:
    """Everything that both have in common; no rows if that is nothing."""
    try:
        rows = compare(before, after)
    except BenchError:
        rows = []
    return {
        "what": str(before.path),
        "commit": before.commit,
        "rows": [
            {
                "mode": row.mode,
                "cpus": row.cpus,
                "name": row.name,
                "params": row.params,
                "unit": row.unit,
                "before": row.before,
                "after": row.after,
                "ratio": round(row.ratio, 4),
                "low": None if row.low is None else round(row.low, 4),
                "high": None if row.high is None else round(row.high, 4),
                "confidence": row.confidence,
                "changed": row.changed,
            }
            for row in rows
        ],
    }


def beside_gate(reference: Any, results: dict[str, Any]) -> dict[str, Any] | None:
    """The medians that stand in bench/reference.json; None if it has none of them."""
    figures = reference.get("figures", {}) if isinstance(reference, dict) else {}
    rows = []
    for run in results["runs"]:
        kind = "without tracing" if run["profile"].endswith("-notrace") else "with tracing"
        for result in run["results"] if run["accel"] == "icount" else ():
            params = params_text({key: value for key, value in result["params"].items() if key != "part"})
            known = figures.get(f"{gate.label_of(kind, ('icount', run['cpus'], result['name'], params))}, p50")
            if known is not None:
                rows.append(_exact_row(run["cpus"], params, result, known))
    return {"what": "bench/reference.json", "commit": "", "rows": rows} if rows else None


def _exact_row(cpus: int, params: str, result: dict[str, Any], known: int) -> dict[str, Any]:
    return {
        "mode": "icount",
        "cpus": cpus,
        "name": result["name"],
        "params": params,
        "unit": result["unit"],
        "before": {"p50": known},
        "after": {"p50": result["p50"]},
        "ratio": round(result["p50"] / max(1, known), 4),
        "low": None,
        "high": None,
        "confidence": None,
        "changed": ["p50"] if result["p50"] != known else [],
    }

"""Renders a plan as Markdown."""

from __future__ import annotations

from jssl.plan.planning import Plan

_GIB = 2.0**30


def render(plan: Plan) -> str:
    """Renders a plan as Markdown.

    Args:
      plan: the plan.

    Returns:
      Lines of text.
    """
    setting = plan.setting
    how = [f"global batch {plan.batch}", f"fsdp {setting.fsdp}"]
    how += [f"{setting.accumulate} micro-batches"] * (setting.accumulate > 1)
    how += [f"remat {setting.remat}"] * (setting.remat is not None)
    lines = [
        f"# {plan.experiment} on {plan.target} ({plan.chips} chips)",
        "",
        f"{', '.join(how)}; {plan.parameters / 1e6:,.1f} M parameters; compiled in "
        f"{plan.compile_seconds:.0f} s{' with the least effort' * plan.quick}.",
        "",
        _verdict(plan),
        "",
        "| memory of a chip | GiB |",
        "|---|---:|",
        *(f"| {name} | {size / _GIB:.3f} |" for name, size in plan.parts.items()),
    ]
    lines += [
        "",
        "| a step | |",
        "|---|---:|",
        f"| operations, all chips | {plan.flops / 1e12:,.3f} TFLOP |",
        f"| without recomputation | {plan.model_flops / 1e12:,.3f} TFLOP |",
    ]
    if plan.moved is not None:
        lines.append(f"| memory traffic of a chip | {plan.moved / 1e9:,.2f} GB |")
    if plan.sent is not None and plan.chips > 1:
        lines.append(f"| sent by a chip | {plan.sent / 1e9:,.3f} GB |")
    if plan.seconds is not None:
        for name, seconds in plan.seconds.items():
            lines.append(f"| least time, {name} | {1e3 * seconds:,.2f} ms |")
        lines.append(f"| MFU at most | {100 * plan.mfu:.1f} % |")
    if plan.collectives:
        lines += ["", "| exchange | chips | times a step | whole arrays, GB | sent by a chip, GB |"]
        lines += ["|---|---:|---:|---:|---:|"]
        lines += [
            f"| {c.kind} | {c.group} | {c.count} | {c.size / 1e9:.3f} | {c.sent / 1e9:.3f} |"
            for c in plan.collectives
        ]
    if plan.chip_hours is not None:
        epoch, run = plan.chip_hours
        lines += [
            "",
            f"At least {epoch:,.2f} chip-hours an epoch ({plan.steps_per_epoch:,} steps) and "
            f"{run:,.1f} for the run ({plan.steps:,} steps, "
            f"{plan.step_seconds * plan.steps / 3600:,.1f} hours), if every time above is hidden "
            "behind the longest.",
        ]
    return "\n".join(lines) + "\n"


def _verdict(plan: Plan) -> str:
    if plan.needed is None:
        return "The compiler does not say how much memory it needs here."
    needed = f"{plan.needed / _GIB:.2f} GiB"
    if plan.fits is None:
        return f"**Needs {needed} a device**; how much there is, is not published."
    limit = f"{plan.limit / _GIB:.2f} GiB"
    if plan.fits:
        return f"**Fits**: {needed} of {limit} a chip ({100 * plan.needed / plan.limit:.0f} %)."
    over = (plan.needed - plan.limit) / _GIB
    return (
        f"**Does not fit**: {needed} needed, {limit} there are, {over:.2f} GiB too much a chip "
        f"(the compiler: {plan.refusal or 'none'})."
    )

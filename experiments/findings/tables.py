"""The two tables of findings, and the summaries, written from numbers."""

from functools import cache

from experiments.findings import (
    copied,
    doses,
    first,
    freezing,
    main_job,
    numbers,
    regime,
    regrets,
    sizes,
)
from experiments.findings.committed import PUBLISHED
from keras_transfer.analysis.comparisons import TWICE, Comparison
from keras_transfer.analysis.published_2014 import published_nets
from keras_transfer.datasets.class_kinds import known_kinds

ROOT = PUBLISHED.parents[1]
BEGIN = "<!-- findings: written by `python -m experiments.findings` -->"
END = "<!-- end of findings -->"
_EARLIER = "--dataset cifar100 --preset earlier"
_NARROW = f"{_EARLIER} --width 16 --precision bfloat16"
TUNED = f"similar_datasets {_NARROW} --layers 5 --treatments AnB AnB+ "
TUNED += "--seeds 0 1"
_RATES = " --learning-rates logs/published/cifar100-tuned/best.json"


def _link(folder: str, file: str = "summary.md", root: str = "") -> str:
    return f"[{folder}]({root}{folder}/{file})"


@cache
def findings() -> list[tuple[str, str, str]]:
    """Returns the README's findings: claim, number, link."""
    similar, boosted = numbers.similar(), numbers.boost()
    in_2014 = numbers.all_2014()
    low, mean, high = numbers.coverage()
    kills, differ = numbers.kills()
    points, verdict = numbers.points, numbers.verdict
    return [
        *sizes.halves(),
        (
            "Layers 6 and 7 are specific to their classes (BnB - AnB, n 6 to "
            "7; one split)",
            verdict(similar, Comparison("BnB", "AnB", 6, 7)),
            "cifar100-similar",
        ),
        (
            "Layers 1 and 2 transfer without losing a point (AnB - base, n 1 "
            "to 2; one split)",
            verdict(
                similar,
                Comparison("AnB", "base", 1, 2, threshold=-0.01, margin=None),
            ),
            "cifar100-similar",
        ),
        (
            "Cutting co-adapted layers costs accuracy (base - BnB, n 3 to 6; "
            "one split)",
            f"{verdict(similar, Comparison('base', 'BnB', 3, 6))}; training "
            "loss of BnB - base "
            f"{numbers.loss(similar, 'BnB', 'base', 3, 6)}; "
            f"{numbers.gate(similar)}",
            "cifar100-similar",
        ),
        (
            "Having seen other classes adds to fine-tuning (AnB+ - BnB+, n 3, "
            "5, 7; 4 splits)",
            f"{verdict(boosted, Comparison('AnB+', 'BnB+'))}; "
            f"{numbers.gate(boosted)}",
            "cifar100-boost",
        ),
        (
            "Fine-tuned transfer beats a base with as many epochs on the "
            "target (AnB+ - base, the same study)",
            f"{verdict(boosted, Comparison('AnB+', 'base'))}; BnB+, whose "
            "earlier epochs were on the target too: "
            f"{points(boosted, 'BnB+', 'base')}",
            "cifar100-boost",
        ),
        *sizes.kinds(),
        (
            "Features of the other kind beat random ones (He; mean of n = 5 "
            "and 7; one seed)",
            f"{numbers.further('random (he)')}, these halves only",
            "cifar100-dissimilar",
        ),
        *freezing.findings(),
        (
            "In 2014, cutting in the middle cost accuracy (base - BnB, n 3 "
            "to 6; 4 splits)",
            f"{numbers.effect_2014('base', 'BnB', 3, 6)}; training loss of "
            "BnB - base at n = 4 "
            f"{numbers.loss(in_2014, 'BnB', 'base', 4, 4)}, n = 5 "
            f"{numbers.loss(in_2014, 'BnB', 'base', 5, 5)}; "
            f"{numbers.gate(in_2014)}",
            "reanalyse_2014",
        ),
        (
            "In 2014, AnB+ beat BnB+ by "
            f"{numbers.pooled_boost_2014()} points (n 3 to 7, pooled as "
            "published)",
            f"{numbers.boost_2014()}, once halves, which were unequal, are "
            "adjusted by the mixed model: no half had both treatments",
            "reanalyse_2014",
        ),
        (
            "The intervals hold the true effect in 95 of 100 simulated "
            "studies, all treatments varying between splits or one alone",
            f"{low} to {high} % in {numbers.coverage_lines()} kinds of study "
            f"and effect, {mean} in the mean; {numbers.too_wide_lines()} more "
            "are wider than they say",
            "coverage",
        ),
        (
            "A study killed at random moments ends bit-identical",
            f"{kills} kills, {differ} differences",
            "random_kills",
        ),
        *doses.findings(),
        *first.findings(),
        *regrets.findings(),
        *copied.findings(),
    ]


_FILES = {
    "coverage": "coverage.md",
    "regret": "regret.md",
    "recommend-coverage": "coverage.md",
    "random_kills": "kills.md",
    "benchmark": "benchmark.md",
    "cifar100-tuned": "tuned.md",
    "cifar100-precision": "bfloat16.csv",
    "cifar100-normalization": "batch.csv",
}


def findings_table() -> list[str]:
    """Returns the README's table of findings, in points of test accuracy."""
    lines = ["| claim | points [95 % interval] | data |", "|---|---|---|"]
    for claim, number, folder in findings():
        file = _FILES.get(folder, "summary.md")
        link = _link(folder, file, "logs/published/")
        lines.append(f"| {claim} | {number} | {link} |")
    return lines


@cache
def folders() -> list[tuple[str, str, str]]:
    """Returns each published folder: its name, command and finding."""
    similar, boosted = numbers.similar(), numbers.boost()
    points, size, further = numbers.points, numbers.by_size, numbers.further
    verdict = numbers.verdict
    low, mean, high = numbers.coverage()
    kills, differ = numbers.kills()
    man_made, natural = map(len, known_kinds("cifar100"))
    return [
        *main_job.folders(),
        (
            "cifar100-similar",
            f"similar_datasets {_EARLIER} --precision bfloat16",
            f"One split, one seed, {len(similar.accuracies)} networks; bases "
            "reach "
            f"{numbers.base_accuracy(similar)} %. AnB - base: n = 5 "
            f"{points(similar, 'AnB', 'base', 5, 5)}, n = 6 "
            f"{points(similar, 'AnB', 'base', 6, 6)}, n = 7 "
            f"{points(similar, 'AnB', 'base', 7, 7)}. BnB - AnB grows by "
            f"{numbers.layer_slope(similar, 'BnB', 'AnB')}. "
            f"BnB+ - base {points(similar, 'BnB+', 'base')}, AnB+ - base "
            f"{points(similar, 'AnB+', 'base')}, AnB+ - BnB+ "
            f"{points(similar, 'AnB+', 'BnB+')}. The intervals are about "
            "these two halves",
        ),
        (
            "cifar100-boost",
            f"boost {_NARROW}",
            f"Four splits, one seed, {len(boosted.accuracies)} networks; bases "
            "reach "
            f"{numbers.base_accuracy(boosted)} %. AnB+ - BnB+ "
            f"{points(boosted, 'AnB+', 'BnB+')}; AnB+ - base "
            f"{points(boosted, 'AnB+', 'base')}; BnB+ - base "
            f"{points(boosted, 'BnB+', 'base')}. Minus a base of twice the "
            "epochs in one schedule: AnB+ "
            f"{verdict(boosted, Comparison('AnB+', TWICE), 2)}; BnB+ "
            f"{points(boosted, 'BnB+', TWICE, digits=2)}",
        ),
        (
            "cifar100-dissimilar",
            f"dissimilar_datasets {_NARROW} --layers 1 3 5 7 --treatments "
            "AnB --seeds 0 1",
            f"Two seeds of one division into {man_made} man-made and "
            f"{natural} natural classes; random layers one seed. Loss beyond "
            f"random halves, n = 5 and 7: {further('kinds')}; as epochs are "
            "equal, steps go with the number of classes, so kind, number and "
            "steps are mixed (`--balanced` was not used). Beyond that, "
            "random layers lose: "
            f"He {further('random (he)')}, moments of the trained layer "
            f"{further('random (mean-var)')}, Gaussian "
            f"{further('random (gaussian)')}. From n = 5 on the Gaussian "
            "ones stay at chance: an optimisation failure. All about these "
            "halves only",
        ),
        (
            "cifar100-target-size",
            f"target_size {_NARROW} --epochs 3",
            f"One split, 3 draws, {numbers.count('cifar100-target-size')} "
            "networks. Fine-tuned - frozen, n = 5: "
            f"at 10 images {size('AnB+', 'AnB', 5, 10)}, at 25 "
            f"{size('AnB+', 'AnB', 5, 25)}, at 50 "
            f"{size('AnB+', 'AnB', 5, 50)}; n = 7: at 50 "
            f"{size('AnB+', 'AnB', 7, 50)}. Frozen - scratch, n = 7: at 25 "
            f"{size('AnB', 'base', 7, 25)}, at 50 "
            f"{size('AnB', 'base', 7, 50)}. The frozen head is under-fitted "
            "at this rate, and the two halves differ more than the interval",
        ),
        (
            "cifar100-tuned",
            f"{TUNED}{_RATES}",
            "One split, two seeds; rates chosen on validation images. AnB - "
            f"base: {numbers.tuned('AnB', 'default.csv')} at the [default "
            "rate](published/cifar100-tuned/default.md), "
            f"{numbers.tuned('AnB', 'tuned.csv')} at each treatment's "
            f"own; AnB+ - base: {numbers.tuned('AnB+', 'default.csv')} and "
            f"{numbers.tuned('AnB+', 'tuned.csv')}. A change is not "
            "detected, and not excluded",
        ),
        (
            "cifar100-precision",
            f"similar_datasets {_EARLIER} --width 16 --treatments --splits 0 "
            "1 2 3 --precision float32",
            "Bases of 4 splits: bfloat16 - float32 "
            f"{numbers.precision()} (t over splits)",
        ),
        (
            "cifar100-normalization",
            f"similar_datasets {_EARLIER} --treatments [--normalization "
            "lrn|none --learning-rate 0.03]",
            f"Mean of two bases: batch {numbers.normalization('batch')} %, "
            f"lrn {numbers.normalization('lrn')} %, none "
            f"{numbers.normalization('none')} %. `lrn` is none here: see "
            "[departures](../experiments/README.md#departures-from-2014). "
            "Chosen on test images",
        ),
        (
            "recipe",
            "recipe_search --trials logs/published/recipe/front.json --test",
            "Both halves of one split, Student's t over seeds. "
            f"{numbers.recipes()}. "
            "[What the rows do not show](published/recipe/README.md)",
        ),
        regime.folder(),
        (
            "reanalyse_2014",
            "reanalyse_2014",
            f"{len(published_nets())} networks of 2014. BnB - base: n = 4 "
            f"{numbers.effect_2014('BnB', 'base', 4, 4)}, n = 5 "
            f"{numbers.effect_2014('BnB', 'base', 5, 5)}; AnB - base, n "
            f"1 to 2 {numbers.effect_2014('AnB', 'base', 1, 2)}; BnB - "
            f"AnB, n 6 to 7 {numbers.effect_2014('BnB', 'AnB', 6, 7)} "
            "(4 splits). AnB+ - BnB+: published "
            f"{numbers.pooled_boost_2014()}; {numbers.boost_2014()}",
        ),
        (
            "coverage",
            "coverage",
            "Simulated: the intervals that are judged by cover "
            f"{low} to {high} % in {numbers.coverage_lines()} lines, {mean} "
            "in the mean. Those of the mixed model from three splits on, and "
            "those over pairs, cover less: not used",
        ),
        (
            "random_kills",
            "random_kills",
            f"{kills} times SIGKILL: {differ} results, weights or tables "
            "differ from an uninterrupted study",
        ),
        (
            "benchmark",
            "benchmark",
            f"`cnn8` in float32 trains, {numbers.speed()} (medians of "
            "ratios); all targets, met and missed, are in the table",
        ),
        *freezing.folders(),
        *sizes.folders(),
        *doses.folders(),
        *first.folders(),
        *regrets.folders(),
        *copied.folders(),
    ]


def folders_table() -> list[str]:
    """Returns the table of `logs/README.md`."""
    lines = ["| folder | command | finding |", "|---|---|---|"]
    for folder, command, finding in folders():
        link = _link(folder, _FILES.get(folder, "summary.md"), "published/")
        text = command.replace("|", "\\|")
        lines.append(f"| {link} | `{text}` | {finding} |")
    return lines


def with_table(page: str, table: list[str]) -> str:
    """Returns a page with the table between its marks replaced.

    Args:
        page: String, in Markdown, with `BEGIN` and `END`.
        table: List of strings, lines.
    """
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    return "".join([before, BEGIN, "\n", "\n".join(table), "\n", END, after])
